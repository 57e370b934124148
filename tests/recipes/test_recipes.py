"""Every recipe's decisive property, on models whose computation it reads."""

import inspect
import math
import pickle

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

import jinit
from jinit import recipes
from jinit._core import claim
from tests.zoo.adapters import shapes
from tests.zoo.entry import image, normals, text
from tests.zoo.language import GPT
from tests.zoo.plans import draw, laws
from tests.zoo.vision import ResNet


KEY = jax.random.key(0)


def std(laws, end, shape=(8, 8)):
    (found,) = {init.std(shape) for path, init in laws.items() if path.endswith(end)}
    return found


def transformer(depth, width=32, heads=2):
    return shapes(GPT(depth=depth, width=width, heads=heads), text(2, 4))


def test_gpt2_divides_what_closes_a_branch_by_the_root_of_their_number():
    found = laws(transformer(12), recipes.gpt2())
    for end in ("out/kernel", "down/kernel"):
        assert std(found, end) == pytest.approx(0.02 / 24**0.5)
    for end in ("query/kernel", "up/kernel", "tokens/embedding", "positions/embedding"):
        assert std(found, end) == 0.02
    assert std(found, "scale") == 0
    assert found["params/norm/scale"] == jinit.ones


def test_bert_cuts_at_two_deviations():
    found = laws(transformer(2), recipes.bert())
    assert found["params/blocks/up/kernel"].support((8, 8)) == (-0.04, 0.04)


def test_t5_makes_up_for_unscaled_logits_in_the_queries():
    found = laws(transformer(2, width=32, heads=2), recipes.t5())
    assert std(found, "query/kernel") == pytest.approx(1 / math.sqrt(32 * 16))
    for end, fan_in in (("key/kernel", 32), ("out/kernel", 32), ("down/kernel", 96)):
        assert std(found, end) == pytest.approx(fan_in**-0.5)
    assert std(found, "tokens/embedding") == 1
    with pytest.raises(jinit.UnmatchedError, match="queries and keys"):
        laws(transformer(2), recipes.t5(query="nothing/*"))


def test_small_init_depends_on_the_width_of_the_stream():
    found = laws(transformer(12, 32), recipes.small_init())
    for end in ("query/kernel", "gate/kernel", "tokens/embedding"):
        assert std(found, end) == pytest.approx((2 / (5 * 32)) ** 0.5)
    assert std(found, "down/kernel") == pytest.approx(2 / (12 * 32**0.5))


def residual(depth, layers):
    """A residual MLP with a scalar multiplier per branch, and its parameters."""

    def apply(params, x):
        for block in params["blocks"]:
            h = x
            for i, w in enumerate(block["kernels"]):
                h = (jax.nn.relu(h) if i else h) @ w
            x = x + block["multiplier"] * h
        return x @ params["head"]

    shape = lambda *sizes: jax.ShapeDtypeStruct(sizes, "float32")
    block = {"kernels": [shape(8, 8)] * layers, "multiplier": shape()}
    return apply, {"blocks": [block] * depth, "head": shape(8, 3)}, shape(4, 8)


@pytest.mark.parametrize(("depth", "layers"), [(4, 2), (5, 3)])
def test_fixup_scales_a_branch_by_its_layers_and_the_number_of_branches(depth, layers):
    found = laws(residual(depth, layers), recipes.fixup())
    he = math.sqrt(2 / 8)
    for i in range(layers - 1):
        law = found[f"blocks/{depth - 1}/kernels/{i}"]
        ratio = depth ** (-1 / (2 * layers - 2))
        assert law.std((8, 8)) / he == pytest.approx(ratio)
    assert found[f"blocks/0/kernels/{layers - 1}"] == jinit.zeros
    assert found["head"] == jinit.zeros
    assert found["blocks/0/multiplier"] == jinit.ones


def test_fixup_and_skipinit_start_as_the_skip_path():
    model = residual(6, 2)
    x, head, forward = normals(4, 8), normals(8, 3, seed=1), jax.jit(model[0])
    slope = jax.jit(jax.grad(lambda p: model[0](p, x).sum()))
    for recipe in (recipes.fixup(), recipes.skipinit(), recipes.rezero()):
        params = draw(model, [("head", lambda key, shape, dtype: head), *recipe])
        assert jnp.array_equal(forward(params, x), x @ head)
        slopes = slope(params)["blocks"][0]
        # The last layer or the multiplier learns first: nothing else has a gradient.
        assert not slopes["kernels"][0].any()
        assert any(abs(w).max() > 0 for w in jax.tree.leaves(slopes))


def test_skipinit_needs_multipliers():
    with pytest.raises(jinit.UnmatchedError, match=r"role.'gate'."):
        laws(transformer(2), recipes.skipinit())


def test_resnet_starts_every_block_as_its_skip_connection():
    module = ResNet(stages=(2, 1), filters=4, classes=3)
    apply, params, x = model = shapes(module, image(2, 16, 16, 3))
    zero = [path for path, law in laws(model, recipes.resnet()).items()
            if path.endswith("scale") and law == jinit.zeros]  # fmt: skip
    assert zero == [f"params/Bottleneck_{i}/BatchNorm_2/scale" for i in range(3)]
    drawn = draw(model, recipes.resnet())
    inside = lambda path: "Bottleneck" in path and "Conv_3" not in path
    other = jinit.initialize(
        (apply, params), KEY, x,
        rules=[(lambda leaf: inside(leaf.path) and "kernel" in leaf.path, 7.0),
               *recipes.resnet()],
    )  # fmt: skip
    x, forward = normals(*x.shape), jax.jit(apply)
    assert jnp.array_equal(forward(drawn, x), forward(other, x))


def test_resnet_counts_fans_as_published_where_there_is_a_stride():
    module = ResNet(stages=(1, 1), filters=4, classes=3)
    found = laws(shapes(module, image(2, 32, 32, 3)), recipes.resnet())
    strided = found["params/Bottleneck_1/Conv_1/kernel"]
    assert strided.std((3, 3, 8, 8)) == pytest.approx(math.sqrt(2 / (9 * 8)))


class Layer(nn.Module):
    """A transformer layer after the original, with its norms or without."""

    memory: bool
    norm: bool

    @nn.compact
    def __call__(self, x, memory=None):
        add = lambda x, y: nn.LayerNorm()(x + y) if self.norm else x + y
        attention = lambda name: nn.MultiHeadDotProductAttention(2, name=name)
        x = add(x, attention("self")(x, x))
        if self.memory:
            x = add(x, attention("cross")(x, memory))
        y = nn.Dense(x.shape[-1], name="fc2")(nn.relu(nn.Dense(32, name="fc1")(x)))
        return add(x, y)


class EncoderDecoder(nn.Module):
    encoder: int
    decoder: int
    norm: bool

    @nn.compact
    def __call__(self, tokens):
        x = nn.Embed(50, 16, name="encoder_embed")(tokens)
        for i in range(self.encoder):
            x = Layer(memory=False, norm=self.norm, name=f"encoder{i}")(x)
        if not self.decoder:
            return nn.Dense(5, name="head")(x)
        y = nn.Embed(50, 16, name="decoder_embed")(tokens)
        for i in range(self.decoder):
            y = Layer(memory=True, norm=self.norm, name=f"decoder{i}")(y, x)
        return nn.Dense(5, name="head")(y)


def gains(model, recipe, side):
    """By kernel, the gain on Xavier's initialization, of one side of a transformer."""
    return side_of(laws(model, recipe), side)


def side_of(plan, side):
    return {
        path.split("/", 2)[2]: law.settings.get("gain", 1.0)
        for path, law in plan.items()
        if path.startswith(f"params/{side}0") and path.endswith("kernel")
    }


def expected(gain, *attentions):
    inner = {
        f"{name}/{part}/kernel": gain
        for name in attentions
        for part in ("value", "out")
    }
    plain = {
        f"{name}/{part}/kernel": 1.0 for name in attentions for part in ("query", "key")
    }
    return pytest.approx(inner | plain | {"fc1/kernel": gain, "fc2/kernel": gain})


def test_t_fixup_scales_values_outputs_and_feed_forward_layers():
    model = shapes(EncoderDecoder(2, 3, norm=False), text(2, 4))
    encoder, decoder = (
        gains(model, recipes.t_fixup(), side) for side in ("encoder", "decoder")
    )
    assert encoder == expected(0.67 * 2**-0.25, "self")
    assert decoder == expected((9 * 3) ** -0.25, "self", "cross")
    found = laws(model, recipes.t_fixup())
    for side, n in (("encoder", 2), ("decoder", 3)):
        assert std(found, f"{side}_embed/embedding") == pytest.approx(
            0.25 * (9 * n) ** -0.25
        )


def test_t_fixup_of_a_decoder_alone_has_two_branches_in_a_layer():
    block = {"kernels": [image(8, 8)] * 2, "multiplier": image()}
    apply = lambda p, x: residual(0, 0)[0](p["decoder"], x)
    params = {"decoder": {"blocks": [block] * 4, "head": image(8, 3)}}
    law = laws((apply, params, image(4, 8)), recipes.t_fixup())
    gain = law["decoder/blocks/0/kernels/0"].settings["gain"]
    assert gain == pytest.approx((9 * 4 / 2) ** -0.25)


def test_deepnorm_and_magneto_of_an_encoder_scale_all_but_queries_and_keys():
    model = shapes(EncoderDecoder(3, 0, norm=True), text(2, 4))
    found = gains(model, recipes.deepnorm(), "encoder")
    assert found == expected(24**-0.25, "self")
    found = gains(model, recipes.magneto(), "encoder")
    assert found == expected(math.sqrt(math.log(6)), "self")


def test_deepnorm_and_magneto_of_an_encoder_and_a_decoder():
    model = shapes(EncoderDecoder(2, 6, norm=True), text(2, 4))

    def sides(recipe):
        plan = laws(model, recipe)
        return [side_of(plan, each)["fc1/kernel"] for each in ("encoder", "decoder")]

    log = math.log
    for n in (2, None):  # told, and as the computation shows
        assert sides(recipes.deepnorm(n)) == pytest.approx(
            [0.87 * (2**4 * 6) ** (-1 / 16), 72**-0.25]
        )
        assert sides(recipes.magneto(n)) == pytest.approx(
            [math.sqrt(log(18) * log(4) / 3), math.sqrt(log(18))]
        )


def fused(params, x):
    """One attention with a residual, whose queries, keys and values are one product."""
    q, k, v = jnp.split(x @ params["qkv"], 3, -1)
    return x + jax.nn.softmax(q @ k.mT) @ v @ params["out"]


@pytest.mark.parametrize("name", ["deepnorm", "magneto", "t_fixup"])
def test_what_makes_queries_and_values_at_once_needs_a_rule_of_its_own(name):
    recipe = getattr(recipes, name)()
    model = fused, {"qkv": image(8, 24), "out": image(8, 8)}, image(2, 5, 8)
    with pytest.raises(ValueError, match=rf"{name}\(\). Got qkv of shape \(8, 24\)"):
        laws(model, recipe)
    assert laws(model, [("qkv", 0.5), *recipe])["qkv"] == jinit.constant(0.5)


def test_depth_mup_keeps_the_stream_bounded_at_any_depth():
    for depth in (2, 48):
        found = laws(transformer(depth, 32), recipes.depth_mup())
        closing = std(found, "out/kernel") ** 2
        # N branches of variance 1/N each.
        assert 2 * depth * 32 * closing == pytest.approx(1)


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_every_recipe_names_itself_and_its_source(name):
    make = recipes.RECIPES[name]
    assert getattr(recipes, name) is make
    assert repr(make()) == f"jinit.recipes.{name}()"
    assert claim(make).endswith((".", "!"))
    assert make.__doc__ is not None
    assert "References:" in make.__doc__
    assert "\nAssumes " in str(inspect.getdoc(make))  # begins a paragraph
    assert "at 0x" not in str(inspect.signature(make))


def test_a_recipe_is_a_value_that_shows_what_it_was_given():
    made = recipes.gpt2(0.01)
    assert repr(made) == "jinit.recipes.gpt2(stddev=0.01)"
    assert eval(repr(made)) == made == recipes.gpt2(stddev=0.01)
    assert len({made, recipes.gpt2(0.01), recipes.gpt2(), recipes.bert(0.01)}) == 3
    assert recipes.gpt2(0.02) == recipes.gpt2()
    assert repr(recipes.t5(query="q/*", head_size=8)).endswith(
        "t5(head_size=8, query='q/*')"
    )


def test_a_pickle_names_the_recipe_at_its_public_home():
    made = recipes.deepnorm(6)
    data = pickle.dumps(made)
    assert b"jinit.recipes\x94" in data
    assert b"transformers" not in data
    loaded = pickle.loads(data)
    assert loaded == made
    assert len(loaded) == len(made)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: recipes.gpt2(std=1),  # pyright: ignore[reportCallIssue]
            TypeError,
            r"`jinit.recipes.gpt2` needs the arguments of `gpt2\(stddev=0.02\)`. "
            r"Got \(std=1\): .*Did you mean 'stddev'",
        ),
        (
            lambda: recipes.resnet(1),  # pyright: ignore[reportCallIssue]
            TypeError,
            r"resnet\(\)`. Got \(1\): too many positional arguments",
        ),
        (lambda: recipes.bert(-1), ValueError, "`jinit.recipes.bert` .*`stddev`.*-1"),
        (lambda: recipes.magneto(0), ValueError, "`jinit.recipes.magneto`.*Got 0"),
        (
            lambda: laws(residual(2, 2), recipes.magneto(3)),
            ValueError,
            r"`jinit.explain` needs a model with a decoder .* for "
            r"jinit.recipes.magneto\(encoder_layers=3\). Got blocks/0",
        ),
        (
            lambda: laws(
                (lambda p, x: x @ p["w"], {"w": image(8, 8)}, image(2, 8)),
                recipes.small_init(),
            ),
            ValueError,
            r"needs a model with residual branches, .* for jinit.recipes.small_init",
        ),
        (
            lambda: laws(transformer(2), recipes.rezero()),
            jinit.UnmatchedError,
            r"role.'gate'. of jinit.recipes.rezero\(\)",
        ),
    ],
)
def test_refusals_name_the_recipe(call, error, message):
    with pytest.raises(error, match=message):
        call()
