"""Recipes of transformers with an encoder, a decoder or both."""

import math
from collections.abc import Callable

from .._core import Count, Initializer, public
from .._model import is_kernel, Leaf, path, role, Rule, traced
from .._schemes import glorot_normal, glorot_uniform, normal
from .leaves import in_branch, layers, queries_and_keys
from .recipe import recipe, rules, UnfitError


@recipe
def t_fixup() -> tuple[Rule, ...]:
    """T-Fixup: transformers without LayerNorm and warm-up.

    All kernels are Xavier's; those that make values, close an attention or belong to a
    feed-forward layer are multiplied, as are the embeddings, N(0, d^(−1/2)²):

        decoder (9 M)^(−1/4),   encoder 0.67 N^(−1/4),   embeddings (9 N)^(−1/4)

    What has `decoder` in its path is of the decoder, with three branches per layer if
    there is an encoder too, or else two.

    Assumes Adam without warm-up, and no norms.

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
        return _xavier(leaf, 1 / (9 * _layers_of(True, leaf)) ** (1 / 4))

    def of_encoder(leaf: Leaf) -> Initializer:
        return _xavier(leaf, 0.67 / layers(leaf) ** (1 / 4))

    def embeddings(leaf: Leaf) -> Initializer:
        side = "decoder" in leaf.path
        n = _layers_of(side, leaf) or _layers_of(not side, leaf)
        return normal(stddev=leaf.shape[-1] ** -0.5 / (9 * max(n, 1)) ** (1 / 4))

    return rules(
        (later & decoder, of_decoder),
        (later, of_encoder),
        (is_kernel(), traced(glorot_uniform)),
        (embedding, embeddings),
    )


@recipe
def deepnorm(encoder_layers: Count | None = None) -> tuple[Rule, ...]:
    """DeepNorm: Xavier times β < 1 for values, outputs and feed-forward layers.

        x ← LN(α x + f(x)),   α = (2 N)^(1/4),   β = (8 N)^(−1/4)
        encoder β = 0.87 (N⁴ M)^(−1/16),   decoder β = (12 M)^(−1/4)

    N and M are the layers of the encoder and decoder; the first line holds where there
    is only one of the two. `jinit.recipes.deepnorm_alpha` gives the model's α. What has
    `decoder` in its path is of the decoder.

    Assumes Adam with warm-up, and post-norm blocks that multiply the stream by α.

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
        encoder_layers,
        alone=lambda n: 1 / (8 * n) ** (1 / 4),
        encoder=lambda n, m: 0.87 / (n**4 * m) ** (1 / 16),
        decoder=lambda n, m: 1 / (12 * m) ** (1 / 4),
    )


@public("jinit.recipes")
def deepnorm_alpha(
    encoder_layers: Count | None = None, decoder_layers: Count | None = None
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
        encoder = 0.81 * (encoder_layers**4 * decoder_layers) ** (1 / 16)
        return encoder, (3 * decoder_layers) ** (1 / 4)
    return ((2 * (encoder_layers or decoder_layers or 0)) ** (1 / 4),)


@recipe
def magneto(encoder_layers: Count | None = None) -> tuple[Rule, ...]:
    """Magneto (Sub-LN): Xavier times γ > 1 for values, outputs and feed-forward layers.

        γ = √(log 2N)
        encoder γ = √(log 3M · log 2N / 3),   decoder γ = √(log 3M)

    Assumes Adam with warm-up, and two norms in every branch: before it and inside.

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
        encoder_layers,
        alone=lambda n: math.sqrt(math.log(2 * n)),
        encoder=lambda n, m: math.sqrt(math.log(3 * m) * math.log(2 * n) / 3),
        decoder=lambda n, m: math.sqrt(math.log(3 * m)),
    )


def _sublayers(
    encoder_layers: int | None,
    *,
    alone: Callable[[float], float],
    encoder: Callable[[float, float], float],
    decoder: Callable[[float, float], float],
) -> tuple[Rule, ...]:
    """Xavier times a gain that depends on the layers of an encoder and a decoder."""
    in_decoder = path("*decoder*/**")

    def gain(leaf: Leaf) -> float:
        n, m = encoder_layers or _layers_of(False, leaf), _layers_of(True, leaf)
        if encoder_layers and not m:
            raise UnfitError(
                "a model with a decoder beside its encoder",
                f"{leaf.path} and others, none with `decoder` in its path. Leave "
                "`encoder_layers` out.",
            )
        if not (n and m):
            return alone(layers(leaf))
        return (decoder if in_decoder(leaf) else encoder)(n, m)

    later = is_kernel() & in_branch & ~queries_and_keys
    scaled = lambda leaf: traced(glorot_normal(gain=gain(leaf)))(leaf)
    return rules(
        (later, scaled),
        (is_kernel(), traced(glorot_normal)),
        (role("embedding"), normal(stddev=0.02)),
    )


def _layers_of(decoder: bool, leaf: Leaf) -> float:
    # Three branches per layer with a memory, two without.
    most = lambda side: max(
        (row.branches for row in leaf.trace if ("decoder" in row.path) == side),
        default=0,
    )
    return most(decoder) / (3 if decoder and most(False) else 2)


def _xavier(leaf: Leaf, gain: float) -> Initializer:
    return traced(glorot_uniform(gain=gain))(leaf)
