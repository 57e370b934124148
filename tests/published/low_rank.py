"""Attention, and factors beside frozen weights."""

import functools

import numpy as np

import jinit
from jinit import attention
from tests.helpers import key

from .row import one_draw, Row, Sampled


MIMETIC = "Trockman, Kolter 2023, 2305.09828"
STRUCTURED = "Zheng, Li, Saratchandran, Lucey 2025, 2505.19985, by catalogue §A2"
LOW_RANK = "families/test_low_rank.py::"


def truncated_head() -> list[Sampled]:
    """Mean of the diagonal of W_Q W_Kᵀ, and σ of the rest: three heads of 64 of 192."""
    query, key_, *_ = attention.mimetic(key(1), 192, 3)
    products = np.einsum("ahs,bhs->hab", query, key_)
    off = ~np.eye(192, dtype=bool)
    return [one_draw([np.diag(each).mean() for each in products]),
            one_draw([each[off].std() for each in products])]  # fmt: skip


STEPS = [(0, 0), (-1, 0), (0, 1), (0, -1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)]


@functools.cache
def looks(side: int, width: int, size: int) -> np.ndarray:
    """By head, the share of rows that look where they should, and their weight."""
    heads = width // size
    P = np.asarray(jinit.truncated_normal(0.36)(key(2), (side**2, width)))
    query, key_ = attention.structured(key(3), P, (side, side), heads)
    P = (P - P.mean(1, keepdims=True)) / P.std(1, keepdims=True)
    q, k = (np.einsum("pw,whs->hps", P, np.asarray(w)) for w in (query, key_))
    logits = q @ k.swapaxes(1, 2) / size**0.5
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    cells, found = np.stack(np.divmod(np.arange(side**2), side), 1), []
    for head, each in enumerate(weights):
        to = cells + STEPS[head % 9]
        inside = ((to >= 0) & (to < side)).all(1)
        place = (to @ [side, 1])[inside]
        rows = each[inside]
        hit = rows.argmax(1) == place
        found.append((hit.mean(), rows[np.arange(len(rows)), place].mean()))
    return np.array(found)


def of_heads(side: int, width: int) -> list[Sampled]:
    """Percent of rows and their weight, over the heads that look to a side."""
    hits, weights = looks(side, width, 64)[1:].T
    return [one_draw(100 * hits), one_draw(weights)]


def at_least(side: int, width: int) -> list[Sampled]:
    """The least of both, as far off as heads differ."""
    hits, weights = looks(side, width, 64).T
    return [Sampled(100 * hits.min(), 100 * hits.std()),
            Sampled(weights.min(), weights.std())]  # fmt: skip


ROWS = [
    Row(MIMETIC + ", by reference §10", "width 192, a head of 64: the diagonal of W_Q "
        "W_Kᵀ, and σ beside it", ".391 .0516", truncated_head),
    Row(MIMETIC + ", §4", "α₁, β₁, α₂, β₂", ".7 .7 .4 .4",
        reason="Settings of the law, found again in products.",
        test="families/test_attention.py::"
        "test_query_and_key_are_the_best_of_their_rank_for_a_noisy_identity"),
    Row(MIMETIC + ", by reference §10", "error of W_V W_O", "8e-16",
        reason="Rounding.",
        test="families/test_attention.py::test_value_and_output_take_away"),
    Row("Vaswani et al. 2017, 1706.03762, by reference §10",
        "error of products of positions", "4e-15", reason="Rounding.",
        test="families/test_attention.py::"
        "test_products_of_positions_depend_on_their_distance_alone"),
    Row(STRUCTURED, "8 × 8, width 384: rows that look where they should, in percent, "
        "and their weight", "100. 1.00", lambda: of_heads(8, 384)),
    Row(STRUCTURED, "14 × 14, width 192: percent of rows, and their weight",
        "99.5 .80", lambda: of_heads(14, 192)),
    Row(STRUCTURED, "14 × 14, width 192: weight in the head that looks at itself",
        ".997", lambda: looks(14, 192, 64)[0, 1]),
    Row(STRUCTURED, "14 × 14, width 768: the least of both", "98.9 .987",
        lambda: at_least(14, 768)),
    Row(STRUCTURED, "14 × 14 and a table of sines: weight, that of even attention",
        ".005", lambda: 1 / 14**2),
    Row("Hu et al. 2021, 2106.09685, the code", "n_in Var A", "1/3",
        lambda: jinit.fan_in_uniform.std((64, 8)) ** 2 * 64),
    Row("Hu et al. 2021, 2106.09685, §4.1", "the update at the start", "0",
        reason="Exact.",
        test=LOW_RANK + "test_lora_reads_at_random_and_writes_nothing"),
    Row("Meng et al. 2024, 2404.02948, by reference §10", "error of base + s A B; its "
        "norm and the next singular value", "2e-16 9.216684 9.216684",
        reason="Rounding, and a draw that was not published.",
        test=LOW_RANK + "test_pissa_leaves_the_smaller_singular_values"),
    Row("Yang et al. 2024, 2406.05223, by catalogue §A3", "error of U S Vᴴ C⁻¹; of the "
        "data with r components, and with those of W", "7e-14 21.3 46.7",
        reason="Rounding, and a draw that was not published.",
        test=LOW_RANK + "test_corda_is_nearest_in_the_metric_of_the_data"),
    Row("Wang, Yu, Li 2024, 2407.05000, the code", "γ of the size d^(1/4)/√γ", "16",
        reason="A setting.", test=LOW_RANK
        + "test_lora_ga_of_its_authors_has_orthogonal_factors_of_one_size"),
    Row("Dettmers et al. 2023, 2305.14314, appendix E", "the 16 values of NF4", "",
        reason="Held there, to six decimals.",
        test=LOW_RANK + "test_normal_floats_of_four_bits_are_those_of_qlora"),
    Row("Lee et al. 2026, 2602.04998", "nine variants of LoRA, within percent of one "
        "another", "1 2", reason="Language models of billions of weights, trained."),
]  # fmt: skip
