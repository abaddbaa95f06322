"""The figure of predicted against true mean expression, gene by gene: a panel for every method."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentbench.figures.inputs import Inputs
from latentbench.figures.prediction_figures import in_order, name_block
from latentbench.figures.style import GRID, INK, MUTED, WIDTH, nothing_to_show
from latentbench.outcomes import Unavailable
from latentbench.prediction.metrics import squared_correlation
from latentbench.prediction.requests import ALL_CELLS, CELL_TYPE

COLUMNS = 3
N_NAMED = 5
MANY_GENES = 500

PerGene = Float[np.ndarray, " genes"]


def plot_means(ax: Axes, means: pd.DataFrame, colour: str) -> Axes:
    """Draw a dot for every gene of one question, its true mean against the predicted one; the genes
    whose mean changes most are dark and named.

    ``means``: columns gene, control, stimulated, predicted. In the corner r^2 of the means and of
    their changes from the control cells."""
    true, predicted, control = (
        means[name].to_numpy(dtype=np.float64) for name in ("stimulated", "predicted", "control")
    )
    changed = np.argsort(-np.abs(true - control), kind="stable")[:N_NAMED]
    lowest, highest = min(0.0, true.min(), predicted.min()), max(true.max(), predicted.max())
    margin = 0.05 * (highest - lowest)
    ax.plot([lowest, highest], [lowest, highest], "-", lw=0.7, color=GRID, zorder=0)
    ax.scatter(
        true, predicted, s=4, lw=0, color=colour, alpha=0.55, rasterized=len(true) > MANY_GENES
    )
    ax.scatter(true[changed], predicted[changed], s=9, lw=0.5, color=colour, ec=INK)
    _name_genes(ax, means["gene"].to_numpy()[changed], true[changed], predicted[changed])
    ax.annotate(
        _agreement(true, predicted, control),
        (0.03, 0.98),
        xycoords="axes fraction",
        va="top",
        size=6.5,
        color=MUTED,
    )
    ax.set(xlim=(lowest - margin, highest + margin), ylim=(lowest - margin, highest + margin))
    ax.set_box_aspect(1)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(plt.MaxNLocator(4))
    return ax


def means_figure(means: pd.DataFrame) -> Figure:
    """Draw the methods on one data set: of the cell type with most stimulated cells where cells
    were hidden, of all cells where none were.

    ``means``: the rows of one data set; of a network its first seed is shown.
    """
    if means.empty:
        return nothing_to_show("no method of this study has a prediction of these cells")
    colours = in_order(means)
    asked = [
        (hidden, shown_type(rows), rows) for hidden, rows in means.groupby("hidden", sort=True)
    ]
    blocks = [
        (hidden, cell_type, first_seeds(rows[rows["cell_type"] == cell_type]))
        for hidden, cell_type, rows in asked
    ]
    n_rows = [-(-rows["model"].nunique() // COLUMNS) for _, _, rows in blocks]
    figure, axes = plt.subplots(
        sum(n_rows), COLUMNS, figsize=(WIDTH, 0.3 + 2.55 * sum(n_rows)), squeeze=False
    )
    for ax in axes.flat:
        ax.set_axis_off()
    for (hidden, cell_type, rows), start in zip(
        blocks, np.cumsum([0, *n_rows]).tolist(), strict=False
    ):
        _draw_block(axes[start:], rows, colours)
        axes[start, 0].set_title(
            f"\n{axes[start, 0].get_title(loc='left')}", size=8
        )  # room for the name above
        name_block(axes[start, 0], _asked(hidden, cell_type), above=14.5)
    figure.supxlabel("mean expression of the stimulated cells", size=8)
    figure.supylabel("mean expression of the predicted cells", size=8)
    return figure


def shown_type(rows: pd.DataFrame) -> str:
    """Return all cells where they were asked about, else the type of most stimulated cells, the
    first by name of equal ones.
    """
    counts = rows.groupby("cell_type", sort=True)["n_stimulated"].first()
    return ALL_CELLS if ALL_CELLS in counts.index else str(counts.idxmax())


def first_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of each method's first seed; those of a method without seeds as they are."""
    seed = rows["seed"].fillna(-1)
    return rows[seed == seed.groupby(rows["model"]).transform("min")]


def _draw_block(axes: np.ndarray, rows: pd.DataFrame, colours: Mapping[str, str]) -> None:
    methods = [method for method in colours if method in set(rows["model"])]
    for ax, method in zip(axes.flat, methods, strict=False):
        ax.set_axis_on()
        plot_means(ax, rows[rows["model"] == method], colours[method])
        ax.set_title(method, size=8)


def _asked(hidden: str, cell_type: str) -> str:
    return (
        f"{cell_type}, its stimulated cells hidden"
        if hidden == CELL_TYPE
        else f"{cell_type}, nothing hidden (in-sample)"
    )


def _agreement(true: PerGene, predicted: PerGene, control: PerGene) -> str:
    found = {
        "r²": squared_correlation(predicted, true),
        "r² change": squared_correlation(predicted - control, true - control),
    }
    return "\n".join(
        f"{name} {'–' if isinstance(value, Unavailable) else format(value, '.3f')}"
        for name, value in found.items()
    )


def _name_genes(ax: Axes, genes: np.ndarray, true: PerGene, predicted: PerGene) -> None:
    """Write the names in a column at the lower right, from top to bottom as the genes lie, each
    with a line to its dot.
    """
    order = np.argsort(-predicted, kind="stable")
    heights = 0.46 - 0.1 * np.arange(len(order))
    leader = {
        "arrowstyle": "-",
        "lw": 0.4,
        "color": MUTED,
        "shrinkA": 1,
        "shrinkB": 2,
        "relpos": (0, 0.5),
    }
    where = {"xycoords": "data", "textcoords": "axes fraction", "ha": "right", "va": "center"}
    for place, j in zip(heights, order, strict=True):
        ax.annotate(
            str(genes[j]),
            (true[j], predicted[j]),
            (0.99, place),
            size=6,
            arrowprops=leader,
            **where,
        )


def means(given: Inputs) -> Figure:
    return means_figure(given.means)
