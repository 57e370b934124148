"""Recipes of language models."""

import math

from .._core import Count, Initializer, NonNegative
from .._model import closes_residual, is_kernel, Leaf, path, Rule
from .._schemes import normal, truncated_normal
from .leaves import fan_in, layers, queries_and_keys, weights, width
from .recipe import recipe, rules, UnfitError


@recipe
def gpt2(stddev: NonNegative = 0.02) -> tuple[Rule, ...]:
    """GPT-2: every weight N(0, 0.02²), less where a residual branch ends.

        σ = 0.02,   σ = 0.02 / √N for a kernel that closes one of N = 2 L branches

    Assumes Adam, pre-norm blocks, and a head tied to the embedding.

    Args:
        stddev: The standard deviation of all other kernels and embeddings.

    Returns:
        A recipe; biases are 0 and norm scales 1.

    References:
        Radford, Wu, Child, Luan, Amodei, Sutskever. Language models are unsupervised
        multitask learners. 2019. Section 2.3.
    """

    def closing(leaf: Leaf) -> Initializer:
        return normal(stddev=stddev / math.sqrt(leaf.row.branches))

    return rules(
        (is_kernel() & closes_residual(), closing),
        (weights, normal(stddev=stddev)),
    )


@recipe
def bert(stddev: NonNegative = 0.02) -> tuple[Rule, ...]:
    """BERT: every weight from N(0, 0.02²), cut at two standard deviations.

    Assumes Adam with warm-up, post-norm blocks, and a head tied to the embedding.

    Args:
        stddev: The standard deviation before the cut.

    Returns:
        A recipe; biases are 0 and norm scales 1.

    References:
        Devlin, Chang, Lee, Toutanova. BERT. NAACL 2019, and its code, modeling.py.
        https://arxiv.org/abs/1810.04805
    """
    return rules((weights, truncated_normal(stddev=stddev)))


@recipe
def t5(
    head_size: Count | None = None, query: str = "{query,query_proj,q,q_proj,wq}/*"
) -> tuple[Rule, ...]:
    """T5: σ = 1/√fan_in, queries smaller by √d_k as logits are not scaled; embedding 1.

        σ(q) = 1 / √(d · d_k),   σ = 1 / √fan_in for all other kernels

    Assumes Adafactor, pre-norm blocks with RMS norms, and logits that are not divided
    by √d_k; a head that is tied to the embedding reads the stream times 1/√d.

    Args:
        head_size: d_k; by default the last axis of a query kernel, if its heads have
            one of their own.
        query: The glob of the query kernels, which the computation can not tell from
            the keys.

    Returns:
        A recipe; norm scales are 1.

    Raises:
        UnmatchedError: When no kernel of an attention matches `query`.

    References:
        Raffel et al. Exploring the limits of transfer learning with a unified
        text-to-text transformer. JMLR 2020, and its code.
        https://arxiv.org/abs/1910.10683
    """

    def queries(leaf: Leaf) -> Initializer:
        axes = leaf.row.out_axes or ()
        size = head_size or (leaf.shape[axes[-1]] if len(axes) > 1 else None)
        if size is None:
            raise UnfitError(
                "`head_size`",
                f"{leaf.path} of shape {leaf.shape}, whose heads are in one axis. "
                "Give it: `jinit.recipes.t5(head_size=...)`.",
            )
        return normal(stddev=1 / math.sqrt(fan_in(leaf) * size))

    others = lambda leaf: normal(stddev=1 / math.sqrt(fan_in(leaf)))
    return (
        *rules((path(query) & queries_and_keys, queries), required=True),
        *rules((is_kernel(), others)),
    )


@recipe
def small_init() -> tuple[Rule, ...]:
    """Small init with Wang's output layers: √(2/(5 d)), and 2/(L √d) to close a branch.

        σ = √(2 / (5 d)),   σ = 2 / (L √d)

    d is the width of the residual stream and L the number of transformer layers.

    Assumes Adam, pre-norm blocks, and a head of its own.

    Returns:
        A recipe; biases are 0 and norm scales 1.

    References:
        Nguyen, Salazar. Transformers without tears. IWSLT 2019. Section 2.2.
        https://arxiv.org/abs/1910.05895
        Wang. Mesh transformer JAX. 2021 (the output layers of GPT-J and GPT-NeoX).
    """
    small = lambda leaf: normal(stddev=math.sqrt(2 / (5 * width(leaf))))
    closing = lambda leaf: normal(stddev=2 / (layers(leaf) * math.sqrt(width(leaf))))
    return rules((is_kernel() & closes_residual(), closing), (weights, small))
