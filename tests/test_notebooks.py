"""The notebooks state what their stored outputs show."""

import json
import math
import pathlib
import re

import pytest


NOTEBOOKS = sorted((pathlib.Path(__file__).parents[1] / "notebooks").glob("0[1-6]*"))
# What looks measured in a sentence: 2.4, 12 %, 2,313 and 3 \cdot 10^{-8}.
SAID = re.compile(
    r"(?<![\w.^{/:])"
    r"(?P<value>\d{1,3}(?:,\d{3})+|\d+\.\d+|\d+(?= ?%)|\d+(?= \\cdot 10\^))"
    r"(?: \\cdot 10\^\{?(?P<exponent>-?\d+)\}?)?(?: ?%)?"
)
SHOWN = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?%?")

# What sentences take from elsewhere, by notebook, and what it is.
GIVEN = {
    "01": {
        "2,200": 22_000 / 10,
        "0.026": 0.026,  # section 4
        "1.5": 784 * 2 / (784 + 256),
        "8.5 %": 100 * (1.085 - 1),
        "2.5": (784 / 128) ** 0.5,
        "0.58": 3**-0.5,
    },
    "02": {"0.14": 0.97013**64, "1,797": 1797},
    "05": {"1,797": 1797, "16,384": 2**14, "1.47": math.pi / (math.pi - 1)},
    "06": {"3.7": 3.7, "1.9": 1.9, "0.5": 0.5, "3.3": 3.3},  # benchmarks/few_labels.py
}


def cells(path):
    """Kind, source, and the text of the stored outputs of every cell."""
    for cell in json.loads(path.read_text())["cells"]:
        shown = []
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            shown.append("".join(data.get("text/markdown", output.get("text", ""))))
        yield cell["cell_type"], "".join(cell["source"]), "\n".join(shown)


def sections(path):
    """The prose and the outputs of every section, from one heading to the next."""
    parts = [([], [])]
    for kind, source, shown in cells(path):
        if kind == "markdown" and source.startswith("## "):
            parts.append(([], []))
        parts[-1][kind == "code"].append(shown if kind == "code" else source)
    return [("\n".join(prose), "\n".join(shown)) for prose, shown in parts]


def numbers(text):
    """Every number in a text, as it is meant; a share also as percents."""
    for found in SHOWN.findall(text):
        value = float(found.rstrip("%").replace(",", ""))
        yield value
        if not found.endswith("%"):
            yield 100 * value


def stated(prose):
    """Each number of a prose that looks measured: its text, value, and half a digit."""
    for match in SAID.finditer(prose.replace("{,}", ",")):
        value = match["value"]
        scale = 10.0 ** int(match["exponent"] or 0)
        digits = len(value.partition(".")[2])
        yield (
            match[0],
            float(value.replace(",", "")) * scale,
            0.501 * scale / 10**digits,
        )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])
def test_numbers_in_sentences_are_in_the_outputs(path):
    given = GIVEN.get(path.stem[:2], {})
    code = "\n".join(source for kind, source, _ in cells(path) if kind == "code")
    wrong = []
    for prose, shown in sections(path):
        known = [*numbers(shown), *numbers(code)]
        for text, value, half in stated(prose):
            sources = [given[text]] if text in given else known
            if not any(abs(abs(each) - value) <= half for each in sources):
                wrong.append(f"{text} in the section {prose[:50]!r}")
    assert not wrong, "\n".join(wrong)


# The question and its answers on Cross Validated ("What are good initial weights in a
# neural network?"), claim by claim: words of the cell that answers it, and what the
# outputs of that section have to show.
CLAIMS = {
    "weights from U(−1/√d, 1/√d) keep a unit off saturation": (
        "it keeps a unit off\nsaturation, whatever $d$",
        "| 0.3333 | 0.3322 | 4.26e-12 | 0.0208 | 0 |",
    ),
    "slopes of 1/10 at 2 and 1/22,000 at 10: 2,200 times slower": (
        "2,313 times more slowly",
        "| 9.5 |",
        "| 22,028.5 |",
        "slope at 10: 2,313",
    ),
    "cross-entropy makes a huge training signal": (
        "the objection holds",
        "| 10 | 4.5e-05 | 1.000 |",
        "| the output, squared error | ",
        "| hidden units, cross-entropy | ",
    ),
    "the sum has variance 1/3, whatever d": (
        "the rule of the\nquestion at $1/3$",
        "dot from its line: 1.6%",
    ),
    "±4 is twelve standard deviations away": (
        "= 6.93$ standard deviations",
        "| 6.93 | 4e-12 | 2.08% |",
    ),
    "weights of variance 1/d keep z at 1 (Bishop)": (
        "(Bishop, ",
        "dot from its line: 1.6%",
    ),
    "(3, −2) and its lengths": (
        "For $(3, -2)$ they are 3.6 and 5, for $(6, -5)$ 7.8",
        "| (3.0, -2.0) | (3, -2) | 3.6 | 3.6 | 5 | 27% |",
        "| (6.0, -5.0) | (6, -5) | 7.8 | 7.8 | 11 | 61% |",
    ),
    "α of about 0.2 is a good aim": (
        "Not here. At $\\alpha = 0.2$",
        "| 0.2 | 0.2",
        "| 1.0 | 0.21",
    ),
    "fan_in and fan_out combined (Glorot), and the 6": (
        "The 6 is that 2 times the 3",
        "glorot_uniform: 0.07142857",
        "| `fan_avg` | 1.333 | 0.667 |",
    ),
    "the compromise is a harmonic mean": (
        "one of the two **variances**",
        "harmonic mean of the two variances | 1/200 |",
        "harmonic mean of the two counts | 1/150 |",
        "| `glorot_uniform` | 1/200 |",
    ),
    "Glorot's histograms of tanh": (
        "They keep a width, 0.672",
        "layer by layer: 0.672 0.505 0.420 0.368 0.323 0.299",
    ),
    "four times Glorot for sigmoid units": (
        "Their slopes at 0 decide",
        "| tanh, 1 × Glorot | ",
        "| sigmoid, 4 × Glorot | ",
    ),
    "He: w = U([0, n]) · √(2/n)": (
        "Meant is a *normal* number",
        "| N(0, 1) · √(2/n) | 1.4 | 1.5 |",
    ),
    "zero weights do not break the symmetry, biases may be zero": (
        "biases may all start at zero",
        "| `zeros` | symmetric |",
        "| `constant(0.02)` | symmetric |",
    ),
    "output weights may be zero": (
        "**Zero output weights** are possible",
        "| `zero output` | keeps | 0 |",
    ),
    "an orthogonal matrix, by the SVD of a random one": (
        "keep the length of every one of 200 directions",
        "| orthogonal, 50 | 1 | 1 | 1 |",
    ),
    "inputs that are not normalized": (
        "**The input is part of the start.**",
        "| 0 to 255 | 85.5 |",
    ),
    "batch normalization makes the start matter less": (
        "all four learn",
        "| `normal(1.0)` | yes |",
    ),
    "batch normalization allows higher rates and saturating units": (
        "Plain ReLU layers diverge from a rate of 0.1 on",
        "| 0.1 | diverges |",
        "as it is: 88.27% beyond ±4",
        "batch-normalized: 0.01% beyond ±4",
    ),
    "the law of a readout before a softmax": (
        "there is nothing to choose",
        "| tanh, `lecun_normal` | 0.03 | 2.42 | 1.273 ± 0.055 | 0.346 ± 0.011 |",
        "| relu, `glorot_uniform` | 0.03 | 2.56 | 1.194 ± 0.040 | 0.353 ± 0.020 |",
    ),
    "pre-training helps, He's 22 layers start": (
        "[notebook 5](05_deep_networks_that_start.ipynb);\npre-training",
        "Schemes that fit: he_normal, orthogonal(gain='relu').",
    ),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_every_claim_of_the_question_is_answered(claim):
    said, *evidence = CLAIMS[claim]
    answers = [part for part in sections(NOTEBOOKS[0]) if said in part[0]]
    assert len(answers) == 1, f"no cell says {said!r}"
    missing = [text for text in evidence if text not in answers[0][1]]
    assert not missing, missing


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])
def test_outputs_are_of_one_run(path):
    code = [
        c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"
    ]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert all(o["output_type"] != "error" for cell in code for o in cell["outputs"])
