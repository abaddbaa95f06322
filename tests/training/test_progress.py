import io
import sys

import pytest

from latentbench.training.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "asked", "shown"),
    [(Terminal, True, True), (Terminal, False, False), (io.StringIO, True, False)],
)
def test_a_bar_of_all_replicas_on_a_terminal_and_nothing_elsewhere(
    stream, asked, shown, monkeypatch
):
    monkeypatch.setattr(sys, "stderr", stream())
    with progress_bar(2, description="VAE", shown=asked) as show:
        show(0, 1.0)
        show(1, 0.5)
        show(1, 1.0)
    text = sys.stderr.getvalue()
    assert ("VAE" in text) == shown
