import io
import time

from jinit._core import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_shows_on_a_terminal_once_the_work_takes_long(monkeypatch):
    shown = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", shown)
    assert list(progress.track(range(3), 3, "drawing")) == [0, 1, 2]
    assert not shown.getvalue()
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    assert list(progress.track(range(3), 3, "drawing")) == [0, 1, 2]
    assert "drawing" in shown.getvalue()


def test_nothing_shows_elsewhere(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(progress.sys, "stderr", shown)
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    assert list(progress.track("abc", 3, "drawing")) == ["a", "b", "c"]
    assert not shown.getvalue()


def test_a_spinner_shows_while_the_work_takes_long(monkeypatch):
    shown = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", shown)
    with progress.working("probing"):
        pass
    assert not shown.getvalue()
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with progress.working("probing"):
        time.sleep(0.3)
    assert "probing" in shown.getvalue()
