"""The figure of marker genes: which genes set the clusters apart, and how the labels express
them.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from latentbench.figures.inputs import Inputs
from latentbench.figures.map_figures import SHARES, natural_order
from latentbench.figures.style import MUTED, WIDTH, nothing_to_show
from latentbench.outcomes import Outcome

MOST_GENES = 36
LARGEST = 34.0
"""Area in points^2 of a dot that stands for all cells."""
NAMES = {"cluster": "clusters", "label": "labels"}


def plot_markers(
    ax: Axes, rows: pd.DataFrame, genes: Sequence[str], *, highest: float
) -> PathCollection:
    """Draw a dot for every group and gene: its area is the share of cells that express the gene,
    its colour their mean expression, dark at ``highest``.
    """
    groups = natural_order(rows["group"])
    shown = rows[rows["gene"].isin(genes)]
    x, y = shown["gene"].map(list(genes).index), shown["group"].map(groups.index)
    dots = ax.scatter(
        x,
        y,
        s=LARGEST * shown["share"],
        c=shown["mean"],
        cmap=SHARES,
        vmin=0,
        vmax=highest,
        lw=0.3,
        ec=MUTED,
    )
    ax.set_yticks(range(len(groups)), groups)
    ax.set(xlim=(-0.7, len(genes) - 0.3), ylim=(len(groups) - 0.3, -0.7))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return dots


def markers_figure(markers: pd.DataFrame) -> Figure:
    """Draw the genes that rank first in each cluster, in the order of the clusters: over clusters
    and, below, over labels where there are some.
    """
    ok = markers[markers["status"] == Outcome.OK]
    if ok[ok["grouping"] == "cluster"].empty:
        return nothing_to_show(
            "no markers: "
            + "; ".join(dict.fromkeys(markers.loc[markers["grouping"] == "cluster", "reason"]))
        )
    shown = {
        grouping: ok[ok["grouping"] == grouping]
        for grouping in NAMES
        if (ok["grouping"] == grouping).any()
    }
    genes = first_genes(shown["cluster"])
    heights = [0.2 * rows["group"].nunique() + 0.1 for rows in shown.values()]
    figure, axes = plt.subplots(
        len(shown),
        1,
        figsize=(WIDTH, sum(heights) + 1.3),
        height_ratios=heights,
        sharex=True,
        squeeze=False,
    )
    highest = max(
        float(rows.loc[rows["gene"].isin(genes), "mean"].max()) for rows in shown.values()
    )
    for ax, (grouping, rows) in zip(axes[:, 0], shown.items(), strict=True):
        dots = plot_markers(ax, rows, genes, highest=highest)
        ax.set_ylabel(NAMES[grouping])
    axes[-1, 0].set_xticks(range(len(genes)), genes, rotation=90, size=6.5)
    figure.align_ylabels()
    bar = figure.colorbar(dots, ax=axes[:, 0].tolist(), shrink=0.5, aspect=14, pad=0.02)
    bar.set_label("mean log-normalised expression", size=7)
    bar.outline.set_visible(False)
    sizes = [
        Line2D(
            [],
            [],
            ls="",
            marker="o",
            ms=np.sqrt(LARGEST * share),
            color=MUTED,
            mew=0,
            label=f"{100 * share:g} %",
        )
        for share in (0.25, 0.5, 1)
    ]
    figure.legend(
        handles=sizes,
        loc="outside upper right",
        ncols=3,
        title="cells of the group that express the gene",
    )
    return figure


def first_genes(rows: pd.DataFrame) -> list[str]:
    """Return the genes that rank first in each group, each once, at most ``MOST_GENES`` in all."""
    groups = natural_order(rows["group"])
    each = max(1, MOST_GENES // len(groups))
    ranked = rows[rows["rank"] <= each].sort_values("rank", kind="stable")
    return list(
        dict.fromkeys(
            gene for group in groups for gene in ranked.loc[ranked["group"] == group, "gene"]
        )
    )[:MOST_GENES]


def markers(given: Inputs) -> Figure:
    return markers_figure(given.frame("markers"))
