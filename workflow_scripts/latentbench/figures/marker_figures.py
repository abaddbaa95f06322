"""The figure of marker genes: which genes set the clusters apart, and how the labels express
them.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from latentbench.figures.inputs import Inputs
from latentbench.figures.style import MUTED, SHARES, WIDTH, natural_order, nothing_to_show
from latentbench.outcomes import Outcome

MOST_GENES = 36
LARGEST = 34.0
"""Area in points^2 of a dot that stands for all cells."""
NAMES = {"cluster": "clusters", "label": "labels"}


def plot_markers(ax: Axes, rows: pd.DataFrame, genes: Sequence[str], *, highest: float) -> Axes:
    """Draw a dot for every group and gene: its area is the share of cells that express the gene,
    its colour their mean expression, dark at ``highest``.
    """
    groups = natural_order(rows["group"])
    shown = rows[rows["gene"].isin(genes)]
    # Not sc.pl.DotPlot, which lays itself out in inches of its own: long names of groups are
    # clipped at the width of the page, and clusters and labels get two legends, not one (tried).
    sns.scatterplot(
        shown.assign(x=shown["gene"].map(list(genes).index), y=shown["group"].map(groups.index)),
        x="x",
        y="y",
        size="share",
        sizes=(0, LARGEST),
        size_norm=(0, 1),
        hue="mean",
        hue_norm=(0, highest),
        palette=SHARES,
        linewidth=0.3,
        edgecolor=MUTED,
        legend=False,
        ax=ax,
    )
    ax.set_yticks(range(len(groups)), groups)
    ax.set(xlim=(-0.7, len(genes) - 0.3), ylim=(len(groups) - 0.3, -0.7), xlabel="")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def markers(given: Inputs) -> Figure:
    """Draw the genes that rank first in each cluster, in the order of the clusters: over clusters
    and, below, over labels where there are some.
    """
    table = given.frame("markers")
    ok = table[table["status"] == Outcome.OK]
    shown = {name: ok[ok["grouping"] == name] for name in NAMES if name in set(ok["grouping"])}
    if "cluster" not in shown:
        reasons = table.loc[table["grouping"] == "cluster", "reason"].unique()
        return nothing_to_show("; ".join(reasons))
    genes = first_genes(shown["cluster"])
    heights = [0.2 * rows["group"].nunique() + 0.1 for rows in shown.values()]
    figure, axes = plt.subplots(
        *(len(shown), 1),
        figsize=(WIDTH, sum(heights) + 1.3),
        height_ratios=heights,
        sharex=True,
        squeeze=False,
    )
    highest = float(ok.loc[ok["gene"].isin(genes), "mean"].max())
    for ax, (grouping, rows) in zip(axes[:, 0], shown.items(), strict=True):
        plot_markers(ax, rows, genes, highest=highest)
        ax.set_ylabel(NAMES[grouping])
    axes[-1, 0].set_xticks(range(len(genes)), genes, rotation=90, size=6.5)
    figure.align_ylabels()
    scale = ScalarMappable(Normalize(0, highest), SHARES)
    bar = figure.colorbar(scale, ax=axes[:, 0].tolist(), shrink=0.5, aspect=14, pad=0.02)
    bar.set_label("mean log-normalised expression", size=7)
    bar.outline.set_visible(False)
    dot = {"ls": "", "marker": "o", "color": MUTED, "mew": 0}
    figure.legend(
        handles=[
            Line2D([], [], **dot, ms=np.sqrt(LARGEST * share), label=f"{100 * share:g} %")
            for share in (0.25, 0.5, 1)
        ],
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
