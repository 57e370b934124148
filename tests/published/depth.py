"""Deep and residual networks: what recipes make of the number of layers."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jinit import recipes, theory
from tests.recipes.by_kernel import planned
from tests.zoo.adapters import shapes
from tests.zoo.entry import image, text
from tests.zoo.language import GPT

from .row import one_draw, Row


FIXUP = "Zhang, Dauphin, Ma 2019, 1901.09321, §3"
DEEPNORM = "Wang, Ma, Dong, Huang, Zhang, Wei 2022, 2203.00555, fig. 2"
MAGNETO = "Wang et al. 2022, 2210.06423, §2.3"
SMALL = "Nguyen, Salazar 2019, 1910.05895"


def residual(depth: int, layers: int) -> Any:
    """A residual network of branches of so many layers, each with a multiplier."""

    def block(x: Any, own: Any) -> Any:
        h = x
        for i, w in enumerate(own["kernels"]):
            h = (jax.nn.relu(h) if i else h) @ w
        return x + own["multiplier"] * h, None

    def apply(p: Any, x: Any) -> Any:
        return jax.lax.scan(block, x, p["blocks"])[0] @ p["head"]

    blocks = {"kernels": [image(depth, 8, 8)] * layers, "multiplier": image(depth)}
    return apply, {"blocks": blocks, "head": image(8, 3)}, image(4, 8)


def fixup(depth: int, layers: int) -> float:
    """What Fixup makes of He's deviation, √(2/8)."""
    found = planned(recipes.fixup(), residual, depth, layers)
    return found["blocks/kernels/0"].std((8, 8)) / 0.5


def norm(x: Any) -> Any:
    x = x - x.mean(-1, keepdims=True)
    return x / jnp.sqrt(x.var(-1, keepdims=True) + 1e-6)


def layer(x: Any, p: Any, memory: Any = None) -> Any:
    """Norms behind what is added, as in the first transformer."""
    parts = [("self", x)] if memory is None else [("self", x), ("cross", memory)]
    for name, read in parts:
        own = p[name]
        logits = (x @ own["q"]) @ (read @ own["k"]).mT
        x = norm(x + jax.nn.softmax(logits) @ (read @ own["v"]) @ own["o"])
    return norm(x + jax.nn.relu(x @ p["fc1"]) @ p["fc2"])


def transformer(encoder: int, decoder: int) -> Any:
    """So many layers of an encoder, and of a decoder if there is one, in loops."""

    def apply(p: Any, x: Any) -> Any:
        step = lambda x, own: (layer(x, own), None)
        memory = jax.lax.scan(step, x, p["encoder"])[0]
        if not decoder:
            return memory @ p["head"]
        step = lambda x, own: (layer(x, own, memory), None)
        return jax.lax.scan(step, x, p["decoder"])[0] @ p["head"]

    def blocks(depth: int, attentions: list[str]) -> Any:
        square = image(depth, 8, 8)
        return dict.fromkeys(attentions, dict.fromkeys("qkvo", square)) | {
            "fc1": square, "fc2": square}  # fmt: skip

    params: Any = {"encoder": blocks(encoder, ["self"]), "head": image(8, 3)}
    if decoder:
        params["decoder"] = blocks(decoder, ["self", "cross"])
    return apply, params, image(2, 5, 8)


def gains(recipe: Any, encoder: int, decoder: int) -> list[float]:
    """What the recipe makes of Xavier's deviation in each side."""
    found = planned(recipe, transformer, encoder, decoder)
    sides = ["encoder", "decoder"][: 1 + bool(decoder)]
    ends = ("fc1", "fc2", "self/v", "self/o")
    every = [
        {round(found[f"{side}/{end}"].std((8, 8)) * 8**0.5, 12) for end in ends}
        for side in sides
    ]
    return [each for (each,) in every]


def deepnorm(layers: int) -> list[float]:
    """α and β of one stack, of the encoder and of the decoder of as many layers."""
    (alpha,), both = (
        recipes.deepnorm_alpha(layers),
        recipes.deepnorm_alpha(layers, layers),
    )
    (beta,) = gains(recipes.deepnorm(), layers, 0)
    encoder, decoder = gains(recipes.deepnorm(), layers, layers)
    return [alpha, beta, both[0], encoder, both[1], decoder]


def bound(layers: int) -> float:
    """2 N (v² + w²) / α² of theorem 2, with v = w = β."""
    (alpha,), (beta,) = (
        recipes.deepnorm_alpha(layers),
        gains(recipes.deepnorm(), layers, 0),
    )
    return 2 * layers * 2 * beta**2 / alpha**2


def gpt(depth: int, width: int) -> Any:
    return shapes(GPT(depth=depth, width=width, heads=2), text(2, 4))


def closing(recipe: Any, depth: int, width: int, end: str = "out/kernel") -> float:
    found = planned(recipe, gpt, depth, width)
    (law,) = (law for path, law in found.items() if path.endswith(end))
    return law.std((8, 8))


def stream() -> list[Any]:
    """E x² after 48 branches of width 512, each by 1/√48: measured, told, and of whole
    branches. What a Gaussian kernel makes of a normalized stream is N(0, I)."""
    rng, sizes = np.random.default_rng(0), []
    for _ in range(20):
        x = rng.standard_normal(512) + rng.standard_normal((48, 512)).sum(0) / 48**0.5
        sizes.append(np.mean(x**2))
    told = lambda branch: theory.propagate(
        "identity", 48, norm="layer", skip=1.0, branch=branch
    ).variance[-1]
    return [one_draw(sizes), told(48**-0.5), told(1.0)]


# N = M: α, β; of encoder and decoder α, β, α, β.
DEEPNORMS = {
    6: "1.861210 .379918 1.417938 .496989 2.059767 .343295",
    12: "2.213364 .319472 1.760878 .400198 2.449490 .288675",
    24: "2.632148 .268642 2.186760 .322258 2.912951 .242746",
    100: "3.760603 .188030 3.415742 .206310 4.161791 .169904",
    1000: "6.687403 .105737 7.014311 .100466 7.400828 .095544",
}

ROWS = [
    *(
        Row(FIXUP, f"{depth} branches of {layers} layers: σ over He's", printed,
            functools.partial(fixup, depth, layers))
        for depth, layers, printed in [(16, 2, ".25"), (54, 2, ".136083"),
                                       (50, 3, ".376060")]
    ),
    *(
        Row(DEEPNORM, f"{n} layers: α and β; of encoder and decoder of {n} each",
            printed, functools.partial(deepnorm, n))
        for n, printed in DEEPNORMS.items()
    ),
    Row(DEEPNORM + ", theorem 2", "2N (v² + w²) / α²", "1", lambda: bound(100)),
    Row("torchscale, by reference §4", "1/1.15 in place of .87; apart, in percent",
        ".8696 .05", lambda: [1 / 1.15, 100 * (0.87 * 1.15 - 1)]),
    *(
        Row(MAGNETO, f"{n} layers: γ", printed,
            lambda n=n: gains(recipes.magneto(), n, 0))
        for n, printed in {6: "1.576359", 12: "1.782710", 24: "1.967537"}.items()
    ),
    *(
        Row(MAGNETO, f"{n} layers each: γ of encoder and decoder", printed,
            lambda n=n: gains(recipes.magneto(), n, n))
        for n, printed in {6: "1.547288 1.700109", 12: "1.948385 1.893018"}.items()
    ),
    *(
        Row("Radford et al. 2019, GPT-2, §2.3", f"{depth} layers: σ where branches end",
            printed, lambda depth=depth: closing(recipes.gpt2(), depth, 32))
        for depth, printed in {12: ".00408248", 48: ".00204124"}.items()
    ),
    Row("Radford et al. 2019, GPT-2, by reference §4",
        "E x² of a stream of 24 layers: measured, in theory, without the factor",
        "2.019 2 49", stream),
    Row(SMALL, "width 512 and 768: σ", ".027950850 .022821773",
        lambda: [closing(recipes.small_init(), 12, d, "query/kernel")
                 for d in (512, 768)]),
    Row("Wang, Komatsuzaki 2021, GPT-J, by gpt-neox", "12 layers of 768: σ where "
        "branches end", ".006014065",
        lambda: closing(recipes.small_init(), 12, 768, "down/kernel")),
    Row("Huang, Perez, Ba, Volkovs 2020, T-Fixup, §3.2", "of the encoder, and of "
        "embeddings and decoder: a N^(−1/4), (b N)^(−1/4)", "0.67 9", test=
        "recipes/test_recipes.py::"
        "test_t_fixup_scales_values_outputs_and_feed_forward_layers",
        reason="Factors of a formula."),
    Row("Yang, Hu et al. 2022, 2203.03466, tables 3, 8 and 9", "powers of the width in "
        "variance, multiplier and rates", "", reason="Exponents, 36 of them.",
        test="model/test_mup.py::test_each_form_is_the_table_of_the_paper"),
    Row("Yang, Simon, Bernstein 2023, 2310.17813", "spectral norms of 256 × 1024, 1024 "
        "× 256 and 512 × 512, measured", "1.9914 .4980 1.0072",
        reason="Measured there, with a model.", test="recipes/test_defaults.py::"
        "test_spectral_kernels_have_the_norm_that_the_condition_asks_for"),
    Row("Dey et al. 2025, 2505.01618, CompleteP, table 1", "powers of width and depth",
        "", reason="Exponents.",
        test="model/test_parametrizations.py::test_completep_is_table_1_of_its_paper"),
    Row("Mlodozeniec et al. 2025, 2512.22382, Complete(d)P", "powers of batch and "
        "duration", "", reason="Exponents.", test="model/test_parametrizations.py::"
        "test_completedp_follows_batch_and_duration"),
]  # fmt: skip
