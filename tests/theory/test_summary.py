import pytest

from jinit import theory
from jinit.cli import main


def test_a_summary_says_what_holds():
    text = str(theory.summarize("tanh", 1.3**2, 0.09))
    assert "gain 1.5925 forward, 1.4674 backward" in text
    edge = next(line for line in text.splitlines() if line.startswith("0.05"))
    assert edge.split() == ["0.05", "1.761", "0.57005", "0.51819", "attracts"]
    own = next(line for line in text.splitlines() if "σb² = 0.09" in line)
    assert own.endswith("1.3377  16.108          16.108")


@pytest.mark.parametrize(
    ("name", "words"),
    [("relu", "keeps every variance"), ("silu", "repels"), ("softplus", "none")],
)
def test_a_summary_warns(name, words):
    assert words in str(theory.summarize(name))


def test_the_command_needs_weights_for_a_bias(capsys):
    assert main(["theory", "--bias-variance", "0.1"]) == 2
    assert "--bias-variance needs a --weight-variance" in capsys.readouterr().err
