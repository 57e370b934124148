import struct

import pytest

from tests.zoo.noise import probed


pytest.importorskip("matplotlib")
from matplotlib.backends.backend_agg import FigureCanvasAgg

from jinit._diagnostics.plot import draw


@pytest.fixture(scope="module")
def probes():
    schemes = ["he_normal", "normal(1.0)", "zeros"]
    return {name: probed("relu", name) for name in schemes}


def _panels(figure):
    return [axes for axes in figure.axes if axes.axison]


def test_a_figure_has_a_panel_per_scheme_layer_and_side(probes, tmp_path):
    path = tmp_path / "figure.png"
    figure = draw(probes, str(path), "A title")
    assert len(_panels(figure)) == 3 * 5 * 2
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    assert (width, height) == tuple((150 * figure.get_size_inches()).astype(int))
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert set(probes) <= set(texts)


def test_the_panels_of_one_row_and_side_share_their_scale(probes):
    figure = draw(probes)
    panels = _panels(figure)
    for start in range(0, len(panels), 5):
        assert len({axes.get_xlim() for axes in panels[start : start + 5]}) == 1


def test_every_panel_says_its_standard_deviation(probes):
    panels = _panels(draw(probes))
    layers = probes["he_normal"].layers
    seen = [axes.get_title(loc="right") for axes in panels[:10]]
    assert seen == [f"{layer.activation_std:.3g}" for layer in layers[:5]] + [
        f"{layer.gradient_std:.3g}" for layer in layers[:5]
    ]


def test_no_text_runs_into_another(probes):
    figure = draw(probes, title="A title of some length, as a report has it")
    renderer = FigureCanvasAgg(figure).get_renderer()
    texts = [*figure.texts]
    for axes in figure.axes:
        texts += [*axes.texts, axes._left_title, axes._right_title]
        texts += axes.get_xticklabels()
    boxes = [
        (text.get_text(), text.get_window_extent(renderer))
        for text in texts
        if text.get_text()
    ]
    for i, (text, box) in enumerate(boxes):
        assert box.x1 <= figure.bbox.x1, text
        for other, rival in boxes[:i]:
            assert not box.overlaps(rival), (text, other)


def test_a_deep_model_shows_evenly_spaced_layers():
    figure = draw({"he_normal": probed("relu", "he_normal", depth=12)})
    names = [axes.get_title(loc="left") for axes in _panels(figure)[:6]]
    assert names == [f"layer_{i}" for i in (1, 3, 5, 8, 10, 12)]


def test_a_probe_plots_itself(probes, tmp_path):
    figure = probes["zeros"].plot(str(tmp_path / "one.png"))
    assert (tmp_path / "one.png").stat().st_size > 1000
    assert len(_panels(figure)) == 10
