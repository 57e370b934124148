"""Numbers that published programs set, each held by the test of its recipe or law; and
what only training shows."""

from .row import Row


HELD = "Settings of a program, held there."
RECIPES = "recipes/test_recipes.py::"
DECODERS = "recipes/test_decoders.py::"
GATES = "families/test_ssm_gates.py::"

# Source, what, numbers, test.
PROGRAMS = [
    (
        "Devlin et al. 2018, 1810.04805, BERT",
        "σ, and where it is cut",
        ".02 2",
        RECIPES + "test_bert_cuts_at_two_deviations",
    ),
    (
        "Karpathy 2026, nanochat",
        "σ of table, head and up-projections; scalars by layer",
        "0.8 0.001 0.4 .02 1.15 0.10 0.20 0.15 0.2",
        "recipes/test_muon.py::test_nanochat_has_the_numbers_of_its_code",
    ),
    (
        "Jordan et al. 2026, modded-nanogpt",
        "σ √d of projections, σ of the head",
        "0.5 0.005",
        "recipes/test_muon.py::test_modded_nanogpt_in_both_tracks",
    ),
    (
        "Marin 2026, Grug MoE",
        "σ √d",
        "0.5",
        "recipes/test_muon.py::test_marin_has_one_deviation_for_everything_and_open_gates",
    ),
    (
        "OLMo-core 2026, init.py",
        "five methods: σ and factors of depth",
        ".02 1 2",
        DECODERS + "test_olmo_has_the_table_of_its_docstring",
    ),
    (
        "torchtitan 2026, llama3",
        "σ, and its factor by layer",
        ".02 2",
        DECODERS + "test_llama3_starts_later_layers_smaller",
    ),
    (
        "torchtitan 2026, deepseek_v3",
        "σ of routers and experts",
        ".02 2",
        DECODERS + "test_deepseek_starts_routers_and_experts_by_layer_as_well",
    ),
    (
        "torchtitan 2026, gpt_oss",
        "σ of sinks and experts",
        ".02 2",
        DECODERS + "test_gpt_oss_starts_everything_in_a_layer_by_its_number",
    ),
    (
        "RecurrentGemma 2024, griffin.py",
        "variance of ends by depth, of a convolution",
        "2 .01",
        "recipes/test_recurrent.py::"
        "test_recurrent_gemma_counts_fans_as_its_code_and_scales_ends_by_depth",
    ),
    (
        "Hu et al. 2024, 2404.06395, MiniCPM; Dey et al. 2023, 2304.03208, Cerebras",
        "σ at the base width",
        "0.1 256 .08",
        "recipes/test_multiplied.py::"
        "test_minicpm_and_cerebras_scale_hidden_kernels_by_the_width",
    ),
    (
        "Dey et al. 2023, 2304.03208, model page",
        "σ for 14 layers of 1088",
        "0.0388 0.007333",
        "recipes/test_multiplied.py::test_cerebras_has_the_numbers_of_its_page",
    ),
    (
        "Radford et al. 2021, 2103.00020, CLIP",
        "σ of words and positions",
        ".02 .01",
        "recipes/test_contrastive.py::"
        "test_clip_starts_the_text_by_width_and_depth_and_the_image_as_pytorch",
    ),
    (
        "Zhai et al. 2023, 2303.15343, SigLIP",
        "t′ = ln 10 and b",
        "10 -10",
        "recipes/test_contrastive.py::test_siglip_believes_in_hardly_any_pair",
    ),
    (
        "Loshchilov et al. 2024, 2410.01131, nGPT",
        "α, and length of rows",
        ".05 1",
        "recipes/test_streams.py::"
        "test_vectors_of_ngpt_along_the_stream_have_length_one",
    ),
    (
        "Zhu et al. 2024, 2409.19606, hyper-connections",
        "scale of what is dynamic",
        ".01",
        "recipes/test_streams.py::test_hyper_connections_start_as_one_residual_stream",
    ),
    (
        "Peebles, Xie 2022, 2212.09748, DiT",
        "σ of tables and of the time",
        ".02",
        "recipes/test_diffusion.py::"
        "test_dit_closes_what_scales_the_stream_and_the_head",
    ),
    (
        "Karras et al. 2022, 2206.00364, EDM",
        "factor of ends, squared factor of heads",
        "1e-5 .2",
        "recipes/test_diffusion.py::test_edm_almost_closes_branches_and_the_output",
    ),
    (
        "Touvron et al. 2021, 2103.17239, CaiT",
        "LayerScale to 18, to 24 layers, beyond",
        ".1 1e-5 1e-6",
        "recipes/test_vision.py::test_layer_scale_is_by_depth",
    ),
    (
        "Huang et al. 2022, CleanRL, PPO",
        "gains: hidden, policy, value",
        "1.41421356 .01 1",
        "recipes/test_reinforcement.py::test_ppo_tells_the_heads_and_keeps_the_policy_even",
    ),
    (
        "Lu et al. 2022, purejaxrl",
        "gain behind the cell",
        "2",
        "recipes/test_reinforcement.py::test_ppo_rnn_doubles_what_follows_the_cell",
    ),
    (
        "Lillicrap et al. 2015, 1509.02971, DDPG",
        "bound of the heads",
        "3e-3",
        "recipes/test_reinforcement.py::"
        "test_ddpg_bounds_layers_by_fan_in_and_heads_by_a_number",
    ),
    (
        "Lee et al. 2025, 2502.15280, SimBaV2",
        "scaler √(2/d), α 1/(blocks + 1), c",
        "2 1 3",
        "recipes/test_reinforcement.py::"
        "test_simba_v2_keeps_units_on_the_sphere_and_steps_by_one_in_n",
    ),
    (
        "Hafner et al. 2023, 2301.04104, DreamerV3",
        "outscale of reward, value, policy",
        "0 0 .01",
        "recipes/test_reinforcement.py::test_dreamer_imagines_no_reward_and_acts_evenly",
    ),
    (
        "BlinkDL, RWKV-7",
        "the table of vectors by channel and layer",
        "",
        GATES + "test_the_table_of_rwkv7",
    ),
    (
        "Beck et al. 2024, 2405.04517, xLSTM",
        "5 − 12 (i/(n − 1))^(.3 + 1.3 l/(L − 1))",
        "5 12 .3 1.3",
        GATES + "test_xlstm_forget_gates",
    ),
    (
        "Sun et al. 2023, 2307.08621, RetNet; Press et al. 2021, 2108.12409, ALiBi",
        "decays and slopes of heads",
        "5 8",
        GATES + "test_decays_of_heads",
    ),
    (
        "Lasagne, init.py",
        "Sparse: share that is left, σ",
        ".1 .01",
        "compat/test_lasagne.py::test_sparsity_is_what_is_left",
    ),
    ("PyTorch, sparse_", "σ", ".01", "compat/test_torch.py::test_zeros_of_each_input"),
]

MINUTES = "Trained for minutes: notebooks/05 trains such networks again."
LARGE = "Trained for hours on data that a test does not have."

# Source, what, numbers, why not.
TRAINED = [
    (
        "catalogue §D2 (Xiao et al. 2018, 1806.05393)",
        "tanh, 10,000 layers: gradients at both ends, losses, accuracy; Glorot's loss",
        "1.486 1.492 2.615 2.089 .198 2.3026",
        MINUTES,
    ),
    (
        "catalogue §D2",
        "tanh, 1,000 layers: losses, accuracy; Gaussian's",
        "2.58 .76 .765 .090",
        MINUTES,
    ),
    (
        "catalogue §D2 (Zhang et al. 2019, 1901.09321)",
        "Fixup, 1,000 layers: accuracy",
        ".867",
        MINUTES,
    ),
    (
        "catalogue §D2 (Saxe et al. 2013, 1312.6120)",
        "steps to 5 percent at depth 8 and 64: orthogonal; Gaussian",
        "15 20 367 2000",
        MINUTES,
    ),
    (
        "catalogue §D2 (Yang et al. 2022, 2203.03466)",
        "best log₂ rate at widths 64, 256, 1024: muP; standard; losses",
        "-7 -7 -6 -7 -8 -10 .256 .223 .197 .206 .159",
        "Trained for minutes: benchmarks/transfer.py does, with more seeds.",
    ),
    (
        "catalogue §D2 (Sitzmann et al. 2020, 2006.09661)",
        "SIREN and default bounds, 48 × 48 pixels: training PSNR",
        "59.1 66.5",
        MINUTES,
    ),
    (
        "catalogue §D2 (Meterez et al. 2023, 2310.02012)",
        "linear layers with batch norm, "
        "1,000: gradients at first, middle, last; Gaussian; first over last, Gaussian",
        ".952 .657 .948 9.2e5 1.2e4 1.50 1.00 6e5",
        "Neither the batch nor the loss was "
        "published, and both matter. In theory: theory/test_propagation.py.",
    ),
    (
        "Le, Jaitly, Hinton 2015, 1504.00941",
        "IRNN: scale for speech, σ of other weights",
        "0.01 0.001",
        "Arguments: irnn(0.01), normal(stddev=0.001).",
    ),
    (
        "catalogue §B1",
        "AnyInit and Flax, residual MLP of 24 blocks: rms of outputs",
        "5069 5.09 134 1.009",
        "Another library, and a width that was not published.",
    ),
    (
        "catalogue §B1",
        "seconds to start: Flax, jinit, AnyInit",
        "2.9 4.3 1.1",
        "Of one machine on one day: benchmarks/cold_start.py measures.",
    ),
    (
        "catalogue §A1",
        "MiniCPM, Granite, Cerebras-GPT: multipliers of embeddings, residuals",
        "12 1.4 12 .22 10",
        "Of the model's computation: no weight has them.",
    ),
    (
        "Jordan et al. 2024, Muon",
        "the quintic that orthogonalizes gradients",
        "3.4445 -4.7750 2.0315",
        "It does not go to 1: no law of jinit uses it.",
    ),
    (
        "Large et al. 2024, 2405.14813, Modula",
        "six quintics of Newton and Schulz, over 1024",
        "3955 -8306 5008 3735 -6681 3463 3799 -6499 3211 4019 -6385 2906 2677 -3029 "
        "1162 2172 -1833 682",
        "Nearly orthogonal; jinit's matrices are orthogonal.",
    ),
    (
        "Trockman, Willmott, Kolter 2022, 2210.03651",
        "widths of the covariance of filters, by depth",
        ".16 .32 2.88",
        "Recalled, not read, and a patent is applied for: no law of jinit.",
    ),
    (
        "Paischer et al. 2024, 2410.07170, EVA",
        "cosine at which a direction has settled",
        ".99",
        "Of an incremental decomposition: jinit's is of all data at once.",
    ),
    ("Trockman, Kolter 2023, 2305.09828", "points on CIFAR-10", "5", LARGE),
]

ROWS = [
    *(Row(source, what, printed, reason=HELD, test=test)
      for source, what, printed, test in PROGRAMS),
    *(Row(source, what, printed, reason=reason)
      for source, what, printed, reason in TRAINED),
]  # fmt: skip
