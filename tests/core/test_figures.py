from jinit._core.figures import drawn


def test_a_notebook_shows_what_it_has_not_drawn():
    figure = drawn([lambda axes: axes.plot([1, 2])] * 2, size=(2, 1))
    assert len(figure.axes) == 2
    assert figure._repr_png_()[:4] == b"\x89PNG"
