"""Recipes of decoders, as trainers of today start them."""

from dataclasses import replace
from typing import Literal

from .._core import Initializer, NonNegative, Positive
from .._model import is_kernel, Leaf, path, role, Rule, Selector
from .._reading import Row
from .._schemes import normal, truncated_normal
from .layers import by_layer, experts, twice_layers
from .leaves import fan_in, heads, in_branch, kernel_of, part, width
from .recipe import recipe, rules


Method = Literal["normal", "llama", "llama_depth", "normalized", "fan_in"]


@recipe
def llama3(stddev: NonNegative = 0.02) -> tuple[Rule, ...]:
    """Llama 3 as torchtitan starts it: 0.02, and less in later layers.

        σ = 0.02 for queries, keys, values and the gates of SwiGLU
        σ = 0.02 / √(2 (i + 1)) in layer i = 0, 1, … for what SwiGLU's gates multiply
        and for the ends of branches
        σ = 1 for embeddings,   σ = 1/√d for the head, cut at 3 σ

    A head tied to the embedding has the law of a head. The cut of all other kernels, at
    ±2 and so 100 σ away, is none.

    Assumes AdamW, pre-norm blocks with RMS norms, and a head of its own or tied.

    Args:
        stddev: The standard deviation of the kernels that do not depend on the layer.

    Returns:
        A recipe; biases are 0 and norm scales 1.

    Raises:
        ValueError: When one kernel makes gates together with what they multiply.

    References:
        PyTorch torchtitan. models/llama3/__init__.py and common/param_init.py, August
        2026. https://github.com/pytorch/torchtitan
        Grattafiori et al. The Llama 3 herd of models. 2024.
        https://arxiv.org/abs/2407.21783
    """
    return _torchtitan(stddev)


@recipe
def deepseek(stddev: NonNegative = 0.02) -> tuple[Rule, ...]:
    """DeepSeek-V3 as torchtitan starts it: Llama 3's law, for its routers as well.

        σ = 0.02 for the projections of latent attention and the gates of all experts
        σ = 0.02 / √(2 (i + 1)) in layer i = 0, 1, … for routers, for what the gates
        multiply and for the ends of branches
        σ = 1 for embeddings,   σ = 1/√d for the head, cut at 3 σ

    The layers count dense ones too. (DeepSeek's own report has σ = 0.006 for all.)

    Assumes AdamW, pre-norm blocks with RMS norms, and a head of its own.

    Args:
        stddev: The standard deviation of the kernels that do not depend on the layer.

    Returns:
        A recipe; biases, those of routers among them, are 0 and norm scales 1.

    Raises:
        ValueError: When one kernel makes gates together with what they multiply.

    References:
        PyTorch torchtitan. models/deepseek_v3/__init__.py, August 2026.
        https://github.com/pytorch/torchtitan
        DeepSeek-AI. DeepSeek-V3 technical report. 2024.
        https://arxiv.org/abs/2412.19437
    """
    return _torchtitan(stddev)


def _torchtitan(stddev: float) -> tuple[Rule, ...]:
    plain = lambda std: normal(stddev=std)
    later = lambda leaf: by_layer(leaf, plain, lambda i: stddev / (2 * (i + 1)) ** 0.5)
    return rules(
        (heads, _head),
        (role("embedding"), normal(stddev=1.0)),
        (part("up", "end", "router"), later),
        (is_kernel(), normal(stddev=stddev)),
    )


@recipe
def qwen3(stddev: NonNegative = 0.02) -> tuple[Rule, ...]:
    """Qwen 3 as torchtitan starts it: 0.02; with experts, less where branches end.

        σ = 0.02 for kernels, embeddings and the head
        σ = 0.02 / √(2 L) for the ends of branches, in a model with routers of L layers

    Assumes AdamW, pre-norm blocks with RMS norms, those of queries and keys among them,
    and a head of its own or tied.

    Args:
        stddev: The standard deviation of all else.

    Returns:
        A recipe; biases are 0 and norm scales 1.

    References:
        PyTorch torchtitan. models/qwen3/__init__.py, August 2026.
        https://github.com/pytorch/torchtitan
        Yang et al. Qwen3 technical report. 2025. https://arxiv.org/abs/2505.09388
    """

    def ends(leaf: Leaf) -> Initializer:
        has_experts = any(row.part == "router" for row in leaf.trace)
        shares = twice_layers(leaf) if has_experts else 1.0
        return normal(stddev=stddev / shares**0.5)

    return rules(
        (part("end"), ends),
        (is_kernel() | role("embedding"), normal(stddev=stddev)),
    )


@recipe
def gpt_oss(stddev: NonNegative = 0.02, sinks: str = "*sink*") -> tuple[Rule, ...]:
    """gpt-oss as torchtitan starts it: everything in layers by layer, biases too.

        σ = 0.02 / √(2 (i + 1)) in layer i = 0, 1, … for all kernels of branches, the
        sinks of attention and the biases of experts
        σ = 0.02 for embeddings,   σ = 1/√d for the head, cut at 3 σ

    Assumes AdamW, pre-norm blocks with RMS norms, and a head of its own.

    Args:
        stddev: The standard deviation that stands as 0.02 above.
        sinks: The glob of what attention may look at in the place of a token.

    Returns:
        A recipe; other biases are 0 and norm scales 1.

    References:
        PyTorch torchtitan. models/gpt_oss/__init__.py, August 2026.
        https://github.com/pytorch/torchtitan
        OpenAI. gpt-oss-120b and gpt-oss-20b model card. 2025.
        https://arxiv.org/abs/2508.10925
    """

    def later(leaf: Leaf, of: Row | None = None) -> Initializer:
        law = lambda std: normal(stddev=std)
        return by_layer(leaf, law, lambda i: stddev / (2 * (i + 1)) ** 0.5, of)

    def end_after(leaf: Leaf) -> Row | None:
        rows = leaf.trace.in_order
        after = rows[rows.index(leaf.row) :]
        return next((row for row in after if row.part == "end"), None)

    return rules(
        (heads, _head),
        (role("embedding"), normal(stddev=stddev)),
        (path(sinks), lambda leaf: later(leaf, end_after(leaf))),
        (_expert_bias, lambda leaf: later(leaf, kernel_of(leaf))),
        (is_kernel() & in_branch, lambda leaf: later(leaf)),
        (is_kernel(), normal(stddev=stddev)),
    )


def _adds_to_expert(leaf: Leaf) -> bool:
    row = kernel_of(leaf) if leaf.row.role == "bias" else None
    return row is not None and experts(replace(leaf, path=row.path, shape=row.shape))


_expert_bias = Selector("a bias of experts", _adds_to_expert)


@recipe
def olmo(
    method: Method = "normal", stddev: NonNegative = 0.02, embed_scale: Positive = 1.0
) -> tuple[Rule, ...]:
    """OLMo as OLMo-core starts it, by one of its five methods; all cut at 3 σ.

                      normal   llama        llama_depth     normalized   fan_in
        embeddings    0.02     1            1               1/√d         1/embed_scale
        other kernels 0.02     0.02         0.02            1/√d         1/√fan_in
        what gates
          multiply    0.02     0.02/√(2L)   0.02/√(2(i+1))  1/√d         1/√fan_in
        ends          0.02     0.02/√(2L)   0.02/√(2(i+1))  1/√(2dL)     1/√fan_in
        head          0.02     1/√d         1/√d            1/√d         1/√d

    σ as drawn before the cut, in layer i = 0, 1, … of L; embeddings are cut by "normal"
    alone, and tied ones start as embeddings. Routers and all kernels of experts have
    0.02, 0.02/√(2L), 0.02/√(2(i+1)), 0.02 and 1/√fan_in.

    Assumes AdamW. "normal" is for OLMo 2 and 3, with norms at the end of branches;
    "normalized" for nGPT, whose matrices are normalized after: see `ngpt`.

    Args:
        method: The method.
        stddev: The standard deviation that stands as 0.02 above.
        embed_scale: What the model multiplies its embeddings by, for "fan_in".

    Returns:
        A recipe; biases are 0 and norm scales 1.

    Raises:
        ValueError: When one kernel makes gates together with what they multiply.

    References:
        Allen Institute for AI. OLMo-core: nn/transformer/init.py and
        nn/attention/__init__.py, June 2026. https://github.com/allenai/OLMo-core
        OLMo team. 2 OLMo 2 furious. 2025. https://arxiv.org/abs/2501.00656
    """

    def first(leaf: Leaf) -> float:
        if method == "normalized":
            return width(leaf) ** -0.5
        return fan_in(leaf) ** -0.5 if method == "fan_in" else stddev

    def later(leaf: Leaf) -> Initializer:
        if method == "llama":
            return _cut(stddev / twice_layers(leaf) ** 0.5)
        if method == "llama_depth":
            return by_layer(leaf, _cut, lambda i: stddev / (2 * (i + 1)) ** 0.5)
        return _cut(first(leaf))

    def end(leaf: Leaf) -> Initializer:
        if method == "normalized":
            return _cut(first(leaf) / twice_layers(leaf) ** 0.5)
        return later(leaf)

    def expert(leaf: Leaf) -> Initializer:
        return _cut(stddev) if method == "normalized" else later(leaf)

    def embedding(leaf: Leaf) -> Initializer:
        if method == "normal":
            return _cut(stddev)
        scale = {"normalized": width(leaf) ** 0.5, "fan_in": embed_scale}
        return normal(stddev=1 / scale.get(method, 1.0))

    return rules(
        (role("embedding"), embedding),
        (role("output head"), _cut(stddev) if method == "normal" else _head),
        (experts | part("router"), expert),
        (part("end"), end),
        (part("up"), later),
        (is_kernel(), lambda leaf: _cut(first(leaf))),
    )


def _head(leaf: Leaf) -> Initializer:
    """N(0, 1/d) for a stream of width d, cut at three standard deviations."""
    tied = leaf.row.role == "embedding"
    return _cut((leaf.shape[-1] if tied else fan_in(leaf)) ** -0.5)


def _cut(stddev: float) -> Initializer:
    return truncated_normal(stddev=stddev, lower=-3.0, upper=3.0)
