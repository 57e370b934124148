"""The rows of models at full size."""

import dataclasses
from collections import Counter

import pytest

import jinit
from tests.reading.plain import facts
from tests.zoo.adapters import shapes
from tests.zoo.entry import text
from tests.zoo.full import traced
from tests.zoo.language import GPT


ROLES = {
    "ResNet-50": {
        "kernel": 53,
        "norm scale": 53,
        "norm offset": 53,
        "unused": 106,  # the statistics, in training
        "output head": 1,
        "bias": 1,
    },
    "ViT-B/16": {
        "kernel": 1 + 12 * 6,
        "bias": 1 + 12 * 6 + 1,
        "norm scale": 25,
        "norm offset": 25,
        "token": 1,
        "positional": 1,
        "output head": 1,
    },
    "GPT": {"kernel": 7, "norm scale": 3, "embedding": 1, "positional": 1},
    "U-Net": {"kernel": 10, "bias": 11, "output head": 1},
    "Mixer": {
        "kernel": 17,
        "bias": 18,
        "norm scale": 9,
        "norm offset": 9,
        "output head": 1,
    },
    "MoE": {"kernel": 3, "norm scale": 1, "norm offset": 1},
}
# The rows that close a branch, and the branches of their stream
CLOSING = {
    "ResNet-50": (16, {16}),
    "ViT-B/16": (24, {24}),
    "GPT": (2, {24}),
    "U-Net": (0, set()),
    "Mixer": (8, {8}),
    "MoE": (1, {1}),
}
# fan_in, fan_out, what it reads, whether that is normalized
ROWS = {
    "ResNet-50": {
        "Conv_0/kernel": (147, 64 * 49 / 4, "identity", False),  # stride 2
        "Bottleneck_0/Conv_2/kernel": (64, 256, "relu", True),
        "Bottleneck_1/Conv_0/kernel": (256, 64, "relu", False),
        "Bottleneck_3/Conv_1/kernel": (1152, 1152 / 4, "relu", True),  # stride 2
        "Dense_0/kernel": (2048, 1000, "relu", False),
    },
    "ViT-B/16": {
        "embed/kernel": (768, 768, "identity", False),  # patches do not overlap
        "EncoderBlock_11/MultiHeadDotProductAttention_0/query/kernel": (
            *(768, 768, "identity", True),
        ),
        "EncoderBlock_11/Dense_1/kernel": (3072, 768, "gelu", False),
        "head/kernel": (768, 1000, "identity", True),
    },
    "GPT": {
        "tokens/embedding": (1, 256, "identity", True),
        "blocks/MultiHeadDotProductAttention_0/out/kernel": (
            *(256, 256, "identity", False),
        ),
        "blocks/up/kernel": (256, 768, "identity", True),
        "blocks/down/kernel": (768, 256, "swiglu", False),
    },
    "U-Net": {
        "down0/kernel": (27, 144, "identity", False),
        "down1/kernel": (144, 288, "relu", False),
        "grow2/kernel": (128, 256, "relu", False),  # one of four taps per output
        "up2/kernel": (1152, 576, None, False),  # two signals side by side
        "head/kernel": (16, 2, "relu", False),
    },
    "Mixer": {
        "MixerBlock_3/tokens_in/kernel": (64, 64, "identity", True),
        "MixerBlock_3/tokens_out/kernel": (64, 64, "gelu", False),
        "MixerBlock_3/channels_out/kernel": (256, 64, "gelu", False),
    },
    "MoE": {
        "router/kernel": (32, 4, "identity", True),
        "up": (32, 64, "identity", True),  # every expert reads the same
        "down": (64, 32, "relu", False),
    },
}


@pytest.mark.parametrize("name", ROLES)
def test_every_parameter_of_a_full_model_has_its_role(name):
    assert Counter(row.role for row in traced(name)) == ROLES[name]


@pytest.mark.parametrize("name", CLOSING)
def test_a_full_model_has_its_residual_branches(name):
    # A kernel, or the norm that undoes its scale.
    closing = [row for row in traced(name) if row.closes_residual]
    assert (len(closing), {row.branches for row in closing}) == CLOSING[name]


@pytest.mark.parametrize("name", ROWS)
def test_the_layers_of_a_full_model_have_their_fans(name):
    rows = {path: traced(name)[f"params/{path}"] for path in ROWS[name]}
    assert {
        path: (row.fan_in, row.fan_out, row.activation_name, row.normalized)
        for path, row in rows.items()
    } == ROWS[name]


def test_the_stream_of_a_resnet_fills_up_to_its_head():
    firsts = [f"params/Bottleneck_{i}/Conv_0/kernel" for i in range(16)]
    assert [traced("ResNet-50")[path].summed for path in firsts] == [
        i / 16 for i in range(16)
    ]
    assert traced("ResNet-50")["params/Dense_0/kernel"].summed == 1


def test_a_tied_embedding_is_used_at_both_ends():
    row = traced("GPT")["params/tokens/embedding"]
    assert (row.role, row.order, row.uses, row.tied) == ("embedding", 0, 2, True)
    assert not any(each.tied for each in traced("GPT") if each is not row)


def test_a_trace_does_not_depend_on_the_length_of_a_scan():
    few, many = (
        jinit.trace(*shapes(GPT(depth=depth), text(2, 16))) for depth in (2, 96)
    )
    one = lambda trace: [
        dataclasses.replace(
            row,
            shape=row.shape[len(row.stack) :],
            branches=row.branches // max(row.stack, default=1),
            places=row.places[: len(row.places) // max(row.stack, default=1)],
        )
        for row in facts(trace)
    ]
    assert one(few) == one(many)
    assert {row.stack for row in many if "blocks" in row.path} == {(96,)}


def test_a_scanned_block_reads_as_the_first_of_a_loop():
    scanned = jinit.trace(*shapes(GPT(depth=2), text(2, 16)))
    looped = traced("tied LM")
    blocks = [row for row in scanned if "blocks" in row.path]
    assert len(blocks) == 9
    for row in blocks:
        alone = looped[row.path.replace("blocks", "block0")]
        same = {field: getattr(alone, field) for field in SAME_IN_A_SCAN}
        assert {field: getattr(row, field) for field in SAME_IN_A_SCAN} == same
        assert row.shape == (2, *alone.shape)


SAME_IN_A_SCAN = (
    "role",
    "op",
    "fan_in",
    "fan_out",
    "uses",
    "order",
    "depth",
    "activation_name",
    "normalized",
    "closes_residual",
    "branches",
    "note",
)
