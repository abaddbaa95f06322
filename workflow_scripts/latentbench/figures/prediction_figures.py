"""Figures of the predictions: how well every method predicts cells that were hidden from it, and
its gene means beside the true ones.
"""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentbench.figures.inputs import Inputs
from latentbench.figures.score_figures import name_models
from latentbench.figures.style import (
    GRID,
    INK,
    MUTED,
    WIDTH,
    colours_in_order,
    method_colours,
    nothing_to_show,
)
from latentbench.outcomes import Unavailable
from latentbench.prediction.metrics import CORRELATIONS, squared_correlation
from latentbench.prediction.requests import ALL_CELLS, CELL_TYPE
from latentbench.prediction.tables import ALL_METHODS, asked_about, question_name

COLUMNS = 3
N_NAMED = 5
MANY_GENES = 500

PerGene = Float[np.ndarray, " genes"]


def predictions(given: Inputs) -> Figure:
    """Draw every squared correlation: a row of panels for every data set and protocol; what was
    asked of cells that were seen in training says so.
    """
    table = given.frame("predictions")
    colours = method_colours(table)
    asked = table[table["model"] != ALL_METHODS]
    asked = asked.assign(asked=asked_about(asked["cell_type"]))
    if asked.empty:
        of_all = table[table["cell_type"] == ALL_CELLS]
        return nothing_to_show("; ".join(dict.fromkeys(of_all["reason"])))
    blocks = dict(iter(asked.groupby(["dataset", "hidden", "asked"], sort=True)))
    shown = {
        key: {method: colours[method] for method in colours if method in set(rows["model"])}
        for key, rows in blocks.items()
    }
    figure, axes = plt.subplots(
        *(len(shown), len(CORRELATIONS)),
        figsize=(WIDTH, sum(0.75 + 0.2 * len(methods) for methods in shown.values())),
        height_ratios=[len(methods) + 2 for methods in shown.values()],
        squeeze=False,
        sharex=True,
    )
    for row, (key, rows) in zip(axes, blocks.items(), strict=True):
        for ax, metric in zip(row, CORRELATIONS, strict=True):
            plot_predictions(ax, rows[rows["metric"] == metric], shown[key])
            ax.set_xlabel(CORRELATIONS[metric])
            ax.label_outer(remove_inner_ticks=True)
        name_block(row[0], question_name(*key))
    return figure


def plot_predictions(ax: Axes, predictions: pd.DataFrame, colours: Mapping[str, str]) -> Axes:
    """Draw one metric on one data set: for every method a bar at the mean over cell types and
    seeds, a dot for every seed's mean over cell types.
    """
    saw = set(predictions.loc[predictions["saw_labels"], "model"])
    known = predictions.dropna(subset="value")
    of_seeds = known.groupby(["model", "seed"], dropna=False)["value"].mean().reset_index()
    rows = {"y": "model", "x": "value", "order": list(colours), "legend": False, "ax": ax}
    bars = {"palette": dict(colours), "hue": "model", "width": 0.6, "alpha": 0.45, "saturation": 1}
    sns.barplot(known, **rows, **bars, errorbar=None, linewidth=0)
    sns.stripplot(of_seeds, **rows, jitter=False, size=2.8, color=INK, alpha=0.7, clip_on=False)
    name_models(ax, colours, saw)
    ax.set(xlim=(0, 1), xticks=[0, 0.5, 1])
    ax.spines["left"].set_visible(True)
    return ax


def name_block(ax: Axes, name: str, *, above: float = 3.0) -> None:
    """Write the name of a row of panels over its first one, ``above`` points up: as a title it
    would take the room of the panels beside it.
    """
    ax.annotate(
        name,
        (0, 1),
        (0, above),
        "axes fraction",
        "offset points",
        weight="bold",
        size=8.5,
        va="bottom",
    ).set_in_layout(False)
    if not ax.get_title(loc="left"):
        ax.set_title(" ")  # keeps the room above


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
    dots = {"color": colour, "legend": False, "ax": ax}
    rasterized = len(true) > MANY_GENES
    sns.scatterplot(x=true, y=predicted, s=4, lw=0, alpha=0.55, rasterized=rasterized, **dots)
    sns.scatterplot(x=true[changed], y=predicted[changed], s=9, lw=0.5, ec=INK, **dots)
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


def means(given: Inputs) -> Figure:
    """Draw the methods on one data set: of the cell type with most stimulated cells where cells
    were hidden, of all cells where none were; of a network its first seed.
    """
    table = given.means
    if table.empty:
        return nothing_to_show("no method of this study has a prediction of these cells")
    colours, blocks = colours_in_order(table), {}
    for hidden, rows in table.groupby("hidden", sort=True):
        cell_type = shown_type(rows)
        blocks[_asked(str(hidden), cell_type)] = first_seeds(rows[rows["cell_type"] == cell_type])
    n_rows = [-(-rows["model"].nunique() // COLUMNS) for rows in blocks.values()]
    size = (WIDTH, 0.3 + 2.55 * sum(n_rows))
    figure, axes = plt.subplots(sum(n_rows), COLUMNS, figsize=size, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    starts = np.cumsum([0, *n_rows]).tolist()
    for (asked, rows), start in zip(blocks.items(), starts, strict=False):
        of_method = dict(iter(rows.groupby("model")))
        methods = [method for method in colours if method in of_method]
        for ax, method in zip(axes[start:].flat, methods, strict=False):
            ax.set_axis_on()
            plot_means(ax, of_method[method], colours[method])
            # The first row leaves room for the name above.
            ax.set_title(f"\n{method}" if ax is axes[start, 0] else method, size=8)
        name_block(axes[start, 0], asked, above=14.5)
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
