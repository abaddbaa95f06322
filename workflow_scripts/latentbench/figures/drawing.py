"""Drawing what the catalogue names."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from latentbench.figures.inputs import Inputs
from latentbench.figures.style import apply_style, save


def drawn(function: str, given: Inputs) -> Figure:
    """Return a figure; ``function``: module and name of what draws it, under figures/."""
    apply_style()
    module, name = function.split(":")
    return getattr(import_module(f"latentbench.figures.{module}"), name)(given)


def draw(function: str, given: Inputs, paths: Sequence[str | Path]) -> None:
    """Write a figure under all of its paths."""
    figure = drawn(function, given)
    save(figure, paths)
    plt.close(figure)
