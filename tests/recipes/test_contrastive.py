"""Recipes of contrastive models: a tower by its width and depth, and the logits."""

import math

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

import jinit
from jinit import recipes
from tests.zoo.entry import image, text
from tests.zoo.plans import laws, of_zoo
from tests.zoo.vision import Bottleneck, EncoderBlock


def std(found, path, shape=(8, 8)):
    return found[path].std(shape)


def test_clip_starts_the_text_by_width_and_depth_and_the_image_as_pytorch():
    found, w, branches = of_zoo("clip", recipes.clip()), 64, 6
    block, attention = "text/block_1", "MultiHeadDotProductAttention_0"
    for name in ("query", "key", "value"):
        path = f"{block}/{attention}/{name}/kernel"
        assert std(found, path, (64, 4, 16)) == pytest.approx(w**-0.5)
    closing = (w * branches) ** -0.5
    for path in (f"{block}/{attention}/out/kernel", f"{block}/Dense_1/kernel"):
        assert std(found, path) == pytest.approx(closing)
    assert std(found, f"{block}/Dense_0/kernel") == pytest.approx((2 * w) ** -0.5)
    for name in ("image_projection", "text_projection"):
        assert std(found, f"{name}/kernel") == pytest.approx(w**-0.5)
    for path in ("class_embedding", "image_positions"):
        assert std(found, path) == pytest.approx(w**-0.5)
    assert std(found, "words/embedding") == 0.02
    assert std(found, "text_positions") == 0.01
    assert found["logit_scale"].mean(()) == pytest.approx(math.log(1 / 0.07))

    block = "image/block_1"
    assert std(found, f"{block}/{attention}/query/kernel") == pytest.approx(
        math.sqrt(2 / (w + 3 * w))
    )
    for path, fan_in in (("embedding/kernel", 48), (f"{block}/Dense_1/kernel", 4 * w),
                         (f"{block}/Dense_1/bias", 4 * w)):  # fmt: skip
        assert found[path].support((8,))[1] == pytest.approx(fan_in**-0.5)
    assert found[f"{block}/{attention}/out/bias"] == jinit.zeros


class Towers(nn.Module):
    """A ResNet whose mean asks its places, beside blocks of text in a loop."""

    depth: int = 3

    @nn.compact
    def __call__(self, pixels, ids):
        x = nn.Conv(8, (3, 3), name="stem")(pixels)
        x = Bottleneck(2, 1, name="block")(x).reshape(len(x), -1, 8)
        q = nn.Dense(8, name="q")(x.mean(1, keepdims=True))
        k, v = nn.Dense(8, name="k")(x), nn.Dense(8, name="v")(x)
        x = nn.softmax(q @ k.mT / 8**0.5) @ v
        x = nn.Dense(4, name="c")(x)[:, 0]
        y = nn.Embed(20, 16, name="words")(ids)
        step = lambda block, y, _: (block(y), None)
        scan = nn.scan(
            step, {"params": 0}, split_rngs={"params": True}, length=self.depth
        )
        y, _ = scan(EncoderBlock(16, 2, name="text"), y, None)
        y = nn.Dense(4, use_bias=False, name="projection")(y[:, -1])
        x, y = (a / jnp.linalg.norm(a, axis=-1, keepdims=True) for a in (x, y))
        scale = self.param("scale", nn.initializers.ones, ())
        return jnp.exp(scale) * x @ y.T


def towers():
    module, inputs = Towers(), (image(2, 8, 8, 3), text(2, 5))
    params = jax.eval_shape(module.init, jax.random.key(0), *inputs)
    apply = lambda v, *inputs: module.apply(v, *inputs, mutable=True)[0]
    return apply, params, *inputs


def test_clip_of_a_resnet_closes_its_blocks_and_scales_its_pool():
    found = laws(towers(), recipes.clip())
    zero = {path for path, law in found.items()
            if law == jinit.zeros and path.endswith("scale")}  # fmt: skip
    assert zero == {"params/block/BatchNorm_2/scale"}
    for name in "qkvc":
        assert std(found, f"params/{name}/kernel") == pytest.approx(8**-0.5)
    bound = found["params/stem/kernel"].support((3, 3, 3, 8))[1]
    assert bound == pytest.approx(27**-0.5)
    closing = std(found, "params/text/Dense_1/kernel", (3, 64, 16))
    assert closing == pytest.approx((16 * 2 * 3) ** -0.5)  # of a loop as of blocks


def cosines(params, pixels, ids):
    """Unit vectors of two towers of one layer."""
    towers = pixels @ params["image"], params["words"][ids].mean(1) @ params["text"]
    return [a / jnp.linalg.norm(a, axis=-1, keepdims=True) for a in towers]


TOWERS = {"image": image(8, 4), "words": image(9, 8), "text": image(8, 4)}
PAIRS = image(2, 8), text(2, 3)
USES = {
    "times logits": lambda x, y, t, b: t * (x @ y.T) + b,
    "times a tower": lambda x, y, t, b: t * x @ y.T + b,
    "in an exponent": lambda x, y, t, b: jnp.exp(jnp.minimum(t, 4.6)) * (x @ y.T) + b,
    "returned": lambda x, y, t, b: (x, y, {"t": jnp.exp(t), "raw": t, "b": b}),
}


@pytest.mark.parametrize("use", USES)
def test_the_scale_of_the_logits_is_set_as_the_model_uses_it(use):
    apply = lambda p, *inputs: USES[use](*cosines(p, *inputs), p["t"], p["b"])
    params = TOWERS | {"t": image(1), "b": image(1)}
    found = laws((apply, params, *PAIRS), recipes.siglip())
    is_log = use in {"in an exponent", "returned"}
    assert found["t"] == jinit.constant(math.log(10.0) if is_log else 10.0)
    assert found["b"] == jinit.constant(-10.0)


@pytest.mark.parametrize("scale", [jnp.exp, jnp.asarray])
def test_clip_sets_a_scale_that_is_returned(scale):
    apply = lambda p, *inputs: (cosines(p, *inputs), scale(p["t"]))
    law = laws((apply, TOWERS | {"t": image()}, *PAIRS), recipes.clip(0.05))["t"]
    assert law == jinit.constant(math.log(20.0) if scale is jnp.exp else 20.0)


def test_siglip_believes_in_hardly_any_pair():
    found = of_zoo("siglip", recipes.siglip())
    assert found["t"] == jinit.constant(math.log(10))
    assert found["b"] == jinit.constant(-10.0)
    most = 1 / (
        1 + math.exp(-found["b"].mean((1,)))
    )  # for unit vectors at right angles
    assert most == pytest.approx(4.54e-5, rel=1e-3)
    for path in ("words/embedding", "text_positions", "image_positions"):
        assert std(found, path) == 1 / 8
    bound = found["pool/probe"].support((1, 1, 64))[1]
    assert bound == pytest.approx(math.sqrt(6 / 65))
    for path, fan_in in (("embedding/kernel", 48), ("text_head/kernel", 64)):
        assert found[path] == jinit.lecun_normal(fans=(fan_in, 64))
    xavier = jinit.glorot_uniform(fans=(64, 64))
    for where in ("pool", "image/block_0", "text/block_0"):
        assert found[f"{where}/Dense_0/bias"] == jinit.normal(stddev=1e-6)
        for name in ("query", "key", "value", "out"):
            path = f"{where}/MultiHeadDotProductAttention_0/{name}/kernel"
            assert found[path] == xavier


@pytest.mark.parametrize(
    ("recipe", "missing"),
    [(recipes.siglip(), "role..bias.."), (recipes.clip(), "'embedding'")],
)
def test_what_the_model_lacks_is_said(recipe, missing):
    apply = lambda p, x: jnp.exp(p["t"]) * (x @ p["w"])
    model = apply, {"w": image(8, 8), "t": image()}, image(2, 8)
    with pytest.raises(jinit.UnmatchedError, match=missing):
        laws(model, recipe)
