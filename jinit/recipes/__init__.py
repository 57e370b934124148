"""Whole-model initializations of publications and frameworks, as rules."""

from .contrastive import clip as clip, siglip as siglip
from .decoders import (
    deepseek as deepseek,
    gpt_oss as gpt_oss,
    llama3 as llama3,
    olmo as olmo,
    qwen3 as qwen3,
)
from .defaults import (
    keras_default as keras_default,
    spectral as spectral,
    torch_default as torch_default,
)
from .diffusion import dit as dit, edm as edm, edm2 as edm2
from .language import bert as bert, gpt2 as gpt2, small_init as small_init, t5 as t5
from .multiplied import (
    cerebras as cerebras,
    gemma as gemma,
    minicpm as minicpm,
    peri_ln as peri_ln,
)
from .muon import (
    marin as marin,
    modded_nanogpt as modded_nanogpt,
    nanochat as nanochat,
)
from .recipe import Recipe as Recipe, RECIPES as RECIPES
from .recurrent import (
    mamba as mamba,
    recurrent_gemma as recurrent_gemma,
    xlstm as xlstm,
)
from .reinforcement import (
    ddpg as ddpg,
    ppo as ppo,
    ppo_rnn as ppo_rnn,
    sac as sac,
    simba as simba,
    simba_v2 as simba_v2,
)
from .residual import (
    depth_mup as depth_mup,
    fixup as fixup,
    resnet as resnet,
    rezero as rezero,
    skipinit as skipinit,
)
from .rwkv import rwkv7 as rwkv7
from .streams import hyper_connections as hyper_connections, ngpt as ngpt
from .transformers import (
    deepnorm as deepnorm,
    deepnorm_alpha as deepnorm_alpha,
    magneto as magneto,
    t_fixup as t_fixup,
)
from .vision import (
    convnext as convnext,
    layer_scale as layer_scale,
    mixer as mixer,
    nfnet as nfnet,
    nfnet_gain as nfnet_gain,
    swin as swin,
    vit as vit,
)
from .world_models import dreamer as dreamer
