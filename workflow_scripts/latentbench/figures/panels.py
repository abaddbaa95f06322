"""A grid of small figures, one of each model."""

from collections.abc import Callable, Mapping

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentbench.figures.style import WIDTH, nothing_to_show, size_to_fit

COLUMNS = 4


def panels(
    rows: pd.DataFrame,
    colours: Mapping[str, str],
    draw: Callable[[Axes, pd.DataFrame, str], object],
    *,
    names: tuple[str, str],
    height: float,
    none: str,
) -> Figure:
    """Return a grid with a panel for every model that has a row, in the order and the colours of
    the study; the sentence ``none`` where there is no row.

    ``draw`` takes ax, the model's rows and its colour; ``names``: of x and y, said once.
    """
    shown = [model for model in colours if model in set(rows["model"])]
    if not shown:
        return nothing_to_show(none)
    n_rows = -(-len(shown) // COLUMNS)
    size = (WIDTH, 0.55 + height * n_rows)
    figure, axes = plt.subplots(n_rows, COLUMNS, figsize=size, squeeze=False)
    for ax, model in zip(axes.flat, shown, strict=False):
        draw(ax, rows[rows["model"] == model], colours[model])
        ax.set(xlabel="", ylabel="")
        ax.set_title(model, size=size_to_fit(model, 0.92 * WIDTH / COLUMNS, size=8.0))
    for ax in axes.flat[len(shown) :]:
        ax.set_axis_off()
    figure.supxlabel(names[0], size=8)
    figure.supylabel(names[1], size=8)
    return figure
