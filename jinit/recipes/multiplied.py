"""Recipes of decoders that multiply or normalize what others do not."""

from .._core import Initializer, NonNegative, Positive
from .._model import is_kernel, Leaf, role, Rule
from .._schemes import normal, truncated_normal
from .layers import twice_layers
from .leaves import fan_in, in_branch, part, weights, width
from .recipe import recipe, rules, UnfitError


@recipe
def gemma() -> tuple[Rule, ...]:
    """Gemma, as the code of its kin Griffin starts it: 1/√fan_in, less for ends.

        σ = 1/√fan_in,   σ = √(2 / (L fan_in)) for the ends of branches, in L layers
        σ = 1/√d for the table, which the model multiplies by √d and reads as the head

    Entries of a look-up and logits then have variance 1. A norm with a scale of 1 + γ
    has γ = 0. (The public code of Gemma itself, made to read checkpoints, draws all at
    N(0, 0.01²).)

    Assumes Adam, RMS norms, and a table that is multiplied by √d where it is looked up.

    Returns:
        A recipe; biases are 0 and norms multiply by 1.

    References:
        Google DeepMind. RecurrentGemma: recurrentgemma/jax/griffin.py, layers.py and
        modules.py, February 2026. https://github.com/google-deepmind/recurrentgemma
        Gemma team. Gemma: open models based on Gemini research and technology. 2024.
        https://arxiv.org/abs/2403.08295
    """

    def ends(leaf: Leaf) -> Initializer:
        return normal(stddev=(4 / twice_layers(leaf) / fan_in(leaf)) ** 0.5)

    return rules(
        (role("embedding"), lambda leaf: normal(stddev=leaf.shape[-1] ** -0.5)),
        (part("end"), ends),
        (is_kernel(), lambda leaf: normal(stddev=fan_in(leaf) ** -0.5)),
    )


@recipe
def minicpm(stddev: NonNegative = 0.1, base_width: Positive = 256) -> tuple[Rule, ...]:
    """MiniCPM: σ = 0.1 at width 256, with the multipliers of muP in the model.

        σ = 0.1 / √(d / 256) for the kernels of branches,   0.1 for the table and a head

    d is the width of the stream. The model itself multiplies its embeddings by 12, each
    branch by 1.4/√L and its logits by 256/d; jinit sets no more than the weights.

    Assumes Adam with a learning rate of 0.01, 256/d of that for the kernels of branches
    (`jinit.mup`), pre-norm blocks with RMS norms, and the three multipliers.

    Args:
        stddev: The standard deviation at the base width.
        base_width: The base width.

    Returns:
        A recipe; biases are 0 and norm scales 1.

    References:
        Hu et al. MiniCPM: unveiling the potential of small language models with
        scalable training strategies. COLM 2024. Appendix A.
        https://arxiv.org/abs/2404.06395
    """
    hidden = lambda leaf: normal(stddev=stddev * (base_width / width(leaf)) ** 0.5)
    return rules(
        (is_kernel() & in_branch, hidden),
        (weights, normal(stddev=stddev)),
    )


@recipe
def cerebras(
    stddev: NonNegative = 0.08, base_width: Positive = 256
) -> tuple[Rule, ...]:
    """Cerebras-GPT in muP: σ = 0.08 at width 256, less for ends; cut at 2 σ.

        σ = 0.08 / √m for the kernels of branches, with m = d/256
        σ = 0.08 / √(2 L m) for their ends,   0.08 for tables

    σ as drawn before the cut. The model itself multiplies its embeddings by 10 and its
    logits by 1/m, and those of attention by 1/d_head, not its root; jinit sets no more
    than the weights.

    Assumes Adam with a learning rate of 0.006, 1/m of that for the kernels of branches
    (`jinit.mup`), GPT-2's blocks, a tied head, and the three multipliers.

    Args:
        stddev: The standard deviation at the base width.
        base_width: The base width.

    Returns:
        A recipe; biases are 0 and norm scales 1.

    References:
        Dey et al. Cerebras-GPT: open compute-optimal language models trained on the
        Cerebras wafer-scale cluster. 2023. Appendix G, and the GPT-3 page of the
        Cerebras model zoo. https://arxiv.org/abs/2304.03208
    """
    narrow = lambda leaf: stddev * (base_width / width(leaf)) ** 0.5
    ends = lambda leaf: narrow(leaf) / twice_layers(leaf) ** 0.5
    return rules(
        (part("end"), lambda leaf: truncated_normal(stddev=ends(leaf))),
        (is_kernel() & in_branch, lambda leaf: truncated_normal(stddev=narrow(leaf))),
        (weights, truncated_normal(stddev=stddev)),
    )


@recipe
def peri_ln(stddev: NonNegative = 0.02) -> tuple[Rule, ...]:
    """Peri-LN: a norm before each branch and one behind it, all scales 1.

        x ← x + norm(f(norm(x))),   σ = 0.02

    Each branch adds the variance of its last norm, 1, whatever its kernels: the stream
    grows in proportion to the depth, and no kernel is scaled by it. So OLMo 2, Gemma 2
    and 3.

    Assumes Adam, and a norm at the end of every branch.

    Args:
        stddev: The standard deviation of kernels and embeddings.

    Returns:
        A recipe; biases are 0 and norm scales 1.

    Raises:
        ValueError: When a kernel, and no norm, ends a branch.

    References:
        Kim et al. Peri-LN: revisiting normalization layer in the transformer
        architecture. ICML 2025. https://arxiv.org/abs/2502.02732
    """

    def behind_a_norm(leaf: Leaf) -> Initializer:
        if leaf.row.closes_residual:
            raise UnfitError(
                "a norm at the end of every branch",
                f"{leaf.path}, whose output is added to the stream as it is. Use a "
                "recipe for pre-norm blocks.",
            )
        return normal(stddev=stddev)

    return rules((weights, behind_a_norm))
