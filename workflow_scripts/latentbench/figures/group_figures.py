"""The groups of a data set that were found without labels: where they lie, and how surely."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from latentbench.figures.inputs import Inputs
from latentbench.figures.map_figures import MANY_POINTS, plot_map
from latentbench.figures.style import ON_PALE, WIDTH, label_colours, nothing_to_show

CERTAINTY = LinearSegmentedColormap.from_list(
    "certainty", colormaps["plasma"]([0.9, 0.65, 0.4, 0.15])
)
"""Yellow where a cell may lie elsewhere, dark where it is sure: lightness falls steadily."""


def groups(given: Inputs) -> Figure:
    """Draw the map of the chosen model twice: coloured by group, and by certainty."""
    cells, models = given.frame("answer_cells"), given.frame("answer_models")
    maps = given.frame("maps")
    mapped = models[models["model"].isin(maps["model"])].sort_values(["chosen", "score"])
    if cells.empty or mapped.empty:
        return nothing_to_show("no groups were found, or the models have no map")
    model = mapped["model"].iloc[-1]
    return groups_figure(maps[maps["model"] == model].merge(cells, on="cell"), model)


def groups_figure(points: pd.DataFrame, model: str) -> Figure:
    """Draw both maps; ``points``: x, y, group and certainty of the cells on the map."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 0.53 * WIDTH))
    texts = points.assign(group=points["group"].astype(str))
    names = [str(group) for group in sorted(points["group"].unique())]
    many = len(points) > MANY_POINTS
    plot_map(left, texts, "group", label_colours(names), rasterized=many)
    for name, place in texts.groupby("group")[["x", "y"]].median().iterrows():
        left.annotate(
            *(name, tuple(place)),
            **{"ha": "center", "va": "center", "size": 7.5, "color": ON_PALE},
            bbox={"facecolor": "white", "alpha": 0.8, "pad": 1.0, "linewidth": 0},
        )
    left.set_title(f"groups, on the map of {model}", size=8.5, weight="bold")
    plot_certainty(right, points, rasterized=many)
    right.set_title("certainty", size=8.5, weight="bold")
    return figure


def plot_certainty(ax: Axes, points: pd.DataFrame, *, rasterized: bool) -> Axes:
    """Draw one map coloured by certainty, the least sure cells on top."""
    ordered = points.sort_values("certainty", ascending=False, kind="stable")
    size = min(max(2600 / max(len(points), 1), 0.8), 7.0)
    drawn = ax.scatter(
        ordered["x"],
        ordered["y"],
        s=size,
        c=ordered["certainty"],
        cmap=CERTAINTY,
        vmin=0,
        vmax=1,
        linewidths=0,
        rasterized=rasterized,
    )
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_box_aspect(1)
    ax.figure.colorbar(drawn, ax=ax, shrink=0.6, aspect=25, pad=0.02)
    return ax
