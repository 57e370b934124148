"""Recipes of agents that learn a model of their world."""

import math

from .._core import Initializer, NonNegative, Text
from .._model import is_kernel, Leaf, path, role, Rule
from .._schemes import lecun_normal, zeros
from .agents import head
from .leaves import published_fans
from .recipe import recipe, rules


@recipe
def dreamer(
    policy_gain: NonNegative = 0.01,
    zero: Text = "*{rew,val,critic}*{,/**}",
    policy: Text = "*{pol,actor}*{,/**}",
    blocks: Text = "{dynhid*,dyngru*,sp0,*block*}{,/**}",
) -> tuple[Rule, ...]:
    """DreamerV3: truncated normal by fan_in; rewards and values start at 0.

        σ = 1 / √fan_in, cut at 2 σ,   embeddings 1 / √width
        reward and value heads 0,   policy heads 0.01 σ,   other heads σ

    With heads of 0 all bins of a reward or a value are alike, so that it starts at 0
    and none is imagined. A kernel in g blocks counts the inputs of all of them, as its
    code does, so that the gates of its GRU start close to their biases.

    Assumes LaProp, RMS norms before activations, and rewards and values in bins.

    Args:
        policy_gain: What the policy's heads are multiplied by.
        zero: The glob of reward and value heads, which have as many outputs as bins.
        policy: The glob of the policy's heads.
        blocks: The glob of kernels in blocks.

    Returns:
        A recipe; biases are 0 and norm scales 1.

    Raises:
        UnmatchedError: When no head is one of a reward, a value or a policy.

    References:
        Hafner, Pasukonis, Ba, Lillicrap. Mastering diverse control tasks through world
        models. Nature 2025. https://arxiv.org/abs/2301.04104
        danijar/dreamerv3, embodied/jax/nets.py and configs.yaml. 2026.
    """
    silent, acts, in_blocks = head & path(zero), head & path(policy), path(blocks)

    def kernel(leaf: Leaf) -> Initializer:
        n_in, n_out = published_fans(leaf.row)
        copies = math.prod(leaf.row.stack) if in_blocks(leaf) else 1
        gain = policy_gain if acts(leaf) else 1.0
        return lecun_normal(gain=gain, fans=(n_in * copies, n_out * copies))

    def told(leaf: Leaf) -> Initializer:
        return zeros if silent(leaf) or not policy_gain else kernel(leaf)

    embedding = lambda leaf: lecun_normal(fans=(leaf.shape[-1], leaf.shape[-1]))
    return (
        *rules((silent | acts, told), required=True),
        *rules((is_kernel(), kernel), (role("embedding"), embedding)),
    )
