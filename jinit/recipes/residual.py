"""Recipes of deep residual networks and transformers."""

import math

from .._core.initializer import Initializer
from .._model.rules import closes_residual, is_kernel, Leaf, path, role, traced
from .._schemes.classical import glorot_normal, glorot_uniform, he_normal, lecun_normal
from .._schemes.distributions import normal
from .._schemes.given import constant, zeros
from .recipe import (
    in_branch,
    layers,
    published_fans,
    queries_and_keys,
    Recipe,
    recipe,
    REST,
    root,
    rules,
)


@recipe
def resnet() -> Recipe:
    """ResNet: He in fan_out, and the last norm of every residual branch at 0.

        σ² = 2 / fan_out,   γ = 0 where a branch ends,   the head N(0, 0.01²)

    Every block starts as its skip connection.

    Returns:
        A recipe; other norm scales are 1 and biases 0.

    References:
        Goyal et al. Accurate, large minibatch SGD. 2017. Section 5.1.
        https://arxiv.org/abs/1706.02677
    """
    return Recipe(
        "resnet()",
        rules(
            (role("norm scale") & closes_residual(), zeros),
            (role("output head"), normal(stddev=0.01)),
            (is_kernel(), _he),
        )
        + REST,
    )


@recipe
def fixup() -> Recipe:
    """Fixup: residual networks without normalization, each branch 0 at its end.

        σ² = 2 / fan_out · L^(−1/(m − 1)) within one of L branches of m layers
        0 for the last layer of a branch and for the head

    The model should have a scalar bias before each layer and activation and one scalar
    multiplier per branch, which start at 0 and 1.

    Returns:
        A recipe; a kernel outside of branches is He's.

    References:
        Zhang, Dauphin, Ma. Fixup initialization. ICLR 2019. Section 3.
        https://arxiv.org/abs/1901.09321
    """

    def within(leaf: Leaf) -> Initializer:
        L, m = leaf.row.branches, leaf.row.branch_layers
        return _he(leaf)(gain=math.sqrt(2) * L ** (-1 / (2 * m - 2)))

    last = is_kernel() & closes_residual() | role("output head")
    return Recipe(
        "fixup()",
        rules(
            (last, zeros),
            (is_kernel() & in_branch, within),
            (is_kernel(), _he),
        )
        + REST,
    )


@recipe
def t_fixup() -> Recipe:
    """T-Fixup: transformers without LayerNorm and warm-up.

    All kernels are Xavier's; those that make values, close an attention or belong to a
    feed-forward layer are multiplied, as are the embeddings, N(0, d^(−1/2)²):

        decoder (9 M)^(−1/4),   encoder 0.67 N^(−1/4),   embeddings (9 N)^(−1/4)

    What has `decoder` in its path is of the decoder, with three branches per layer if
    there is an encoder too, or else two.

    Returns:
        A recipe; biases are 0.

    Raises:
        ValueError: When one kernel makes values together with queries or keys.

    References:
        Huang, Perez, Ba, Volkovs. Improving transformer optimization through better
        initialization. ICML 2020. Section 3.2.
    """
    decoder, embedding = path("*decoder*/**"), role("embedding", "positional", "token")
    later = is_kernel() & in_branch & ~queries_and_keys

    def of_decoder(leaf: Leaf) -> Initializer:
        return _xavier(leaf, 1 / root(9 * _layers_of(True, leaf), 4))

    def of_encoder(leaf: Leaf) -> Initializer:
        return _xavier(leaf, 0.67 / root(layers(leaf), 4))

    def embeddings(leaf: Leaf) -> Initializer:
        side = "decoder" in leaf.path
        n = _layers_of(side, leaf) or _layers_of(not side, leaf)
        return normal(stddev=leaf.shape[-1] ** -0.5 / root(9 * max(n, 1), 4))

    return Recipe(
        "t_fixup()",
        rules(
            (later & decoder, of_decoder),
            (later, of_encoder),
            (is_kernel(), traced(glorot_uniform)),
            (embedding, embeddings),
        )
        + REST,
    )


@recipe
def skipinit(alpha: float = 0.0) -> Recipe:
    """SkipInit and ReZero: x + α f(x) with a learned α that starts at 0.

        α = 0,   kernels σ² = 2 / fan_in,   the head σ² = 1 / fan_in

    Args:
        alpha: The start of the multipliers; 1/√N for N branches works as well.

    Returns:
        A recipe, for models with a multiplier on every branch.

    Raises:
        UnmatchedError: When the model has no multiplier.

    References:
        De, Smith. Batch normalization biases residual blocks towards the identity
        function in deep networks. NeurIPS 2020. https://arxiv.org/abs/2002.10444
        Bachlechner et al. ReZero is all you need. UAI 2021.
        https://arxiv.org/abs/2003.04887
    """
    return Recipe(
        f"skipinit({alpha or ''})",
        rules((role("gate"), constant(alpha)), required=True)
        + rules(
            (role("output head"), traced(lecun_normal)),
            (is_kernel(), traced(he_normal)),
        )
        + REST,
    )


@recipe
def rezero() -> Recipe:
    """ReZero, which is SkipInit at 0: x + α f(x) with a learned α.

        α = 0,   kernels σ² = 2 / fan_in,   the head σ² = 1 / fan_in

    Returns:
        A recipe, for models with a multiplier on every branch.

    Raises:
        UnmatchedError: When the model has no multiplier.

    References:
        Bachlechner et al. ReZero is all you need. UAI 2021.
        https://arxiv.org/abs/2003.04887
    """
    return Recipe("rezero()", skipinit().rules)


@recipe
def deepnorm(encoder_layers: int | None = None) -> Recipe:
    """DeepNorm: Xavier times β < 1 for values, outputs and feed-forward layers.

        x ← LN(α x + f(x)),   α = (2 N)^(1/4),   β = (8 N)^(−1/4)
        encoder β = 0.87 (N⁴ M)^(−1/16),   decoder β = (12 M)^(−1/4)

    N and M are the layers of the encoder and decoder; the first line holds where there
    is only one of the two. `jinit.recipes.deepnorm_alpha` gives the model's α. What has
    `decoder` in its path is of the decoder.

    Args:
        encoder_layers: N, for a model that has a decoder as well; by default as the
            computation shows.

    Returns:
        A recipe; queries and keys are Xavier's, norm scales 1 and biases 0.

    Raises:
        ValueError: When one kernel makes values together with queries or keys, or there
            is no decoder for `encoder_layers`.

    References:
        Wang, Ma, Dong, Huang, Zhang, Wei. DeepNet: scaling transformers to 1,000
        layers. 2022. Figure 2. https://arxiv.org/abs/2203.00555
    """
    return _sublayers(
        f"deepnorm({encoder_layers or ''})",
        lambda n: 1 / root(8 * n, 4),
        lambda n, m: 0.87 / root(n**4 * m, 16),
        lambda n, m: 1 / root(12 * m, 4),
        encoder_layers,
    )


def deepnorm_alpha(
    encoder_layers: int | None = None, decoder_layers: int | None = None
) -> tuple[float, ...]:
    """DeepNorm's multiplier α of the stream, x ← LN(α x + f(x)).

        α = (2 N)^(1/4);   with both, encoder 0.81 (N⁴ M)^(1/16), decoder (3 M)^(1/4)

    Args:
        encoder_layers: N, or None without an encoder.
        decoder_layers: M, or None without a decoder.

    Returns:
        The α of the encoder, of the decoder, or of both.
    """
    if encoder_layers and decoder_layers:
        both = root(encoder_layers**4 * decoder_layers, 16)
        return 0.81 * both, root(3 * decoder_layers, 4)
    return (root(2 * (encoder_layers or decoder_layers or 0), 4),)


@recipe
def magneto(encoder_layers: int | None = None) -> Recipe:
    """Magneto (Sub-LN): Xavier times γ > 1 for values, outputs and feed-forward layers.

        γ = √(log 2N)
        encoder γ = √(log 3M · log 2N / 3),   decoder γ = √(log 3M)

    Args:
        encoder_layers: N, for a model that has a decoder as well; by default as the
            computation shows.

    Returns:
        A recipe; queries and keys are Xavier's, norm scales 1 and biases 0.

    Raises:
        ValueError: When one kernel makes values together with queries or keys, or there
            is no decoder for `encoder_layers`.

    References:
        Wang et al. Magneto: a foundation transformer. ICML 2023. Section 2.3.
        https://arxiv.org/abs/2210.06423
    """
    return _sublayers(
        f"magneto({encoder_layers or ''})",
        lambda n: math.sqrt(math.log(2 * n)),
        lambda n, m: math.sqrt(math.log(3 * m) * math.log(2 * n) / 3),
        lambda n, m: math.sqrt(math.log(3 * m)),
        encoder_layers,
    )


def _sublayers(name, alone, of_encoder, of_decoder, encoder_layers) -> Recipe:
    decoder = path("*decoder*/**")

    def gain(leaf: Leaf) -> float:
        n, m = encoder_layers or _layers_of(False, leaf), _layers_of(True, leaf)
        if encoder_layers and not m:
            raise ValueError(
                f"`jinit.recipes.{name}` needs a model with a decoder beside its "
                f"encoder. Got {leaf.path} and others, none with `decoder` in its "
                "path. Leave `encoder_layers` out."
            )
        if not (n and m):
            return alone(layers(leaf))
        return (of_decoder if decoder(leaf) else of_encoder)(n, m)

    later = is_kernel() & in_branch & ~queries_and_keys
    scaled = lambda leaf: traced(glorot_normal(gain=gain(leaf)))(leaf)
    return Recipe(
        name,
        rules(
            (later, scaled),
            (is_kernel(), traced(glorot_normal)),
            (role("embedding"), normal(stddev=0.02)),
        )
        + REST,
    )


@recipe
def depth_mup(a: float = 1.0) -> Recipe:
    """Depth-μP: every branch times a/√L, with the multiplier in its last kernel.

        σ² = 1 / fan_in,   σ² = a² / (L · fan_in) for a kernel that closes one of L

    With Adam, divide the learning rate of the branches by √L as well: `jinit.mup`.

    Args:
        a: The multiplier of a single branch.

    Returns:
        A recipe; biases are 0 and norm scales 1.

    References:
        Yang, Yu, Zhu, Hayou. Tensor programs VI: feature learning in infinite-depth
        neural networks. ICLR 2024. Table 1. https://arxiv.org/abs/2310.02244
    """

    def closing(leaf: Leaf) -> Initializer:
        return traced(lecun_normal(gain=a / math.sqrt(leaf.row.branches)))(leaf)

    return Recipe(
        f"depth_mup({'' if a == 1 else a})",
        rules(
            (is_kernel() & closes_residual(), closing),
            (is_kernel(), traced(lecun_normal)),
        )
        + REST,
    )


def _layers_of(decoder: bool, leaf: Leaf) -> float:
    # Three branches per layer with a memory, two without.
    most = lambda side: max(
        (row.branches for row in leaf.trace if ("decoder" in row.path) == side),
        default=0,
    )
    return most(decoder) / (3 if decoder and most(False) else 2)


def _he(leaf: Leaf) -> Initializer:
    return he_normal(mode="fan_out", fans=published_fans(leaf.row))


def _xavier(leaf: Leaf, gain: float) -> Initializer:
    return traced(glorot_uniform(gain=gain))(leaf)
