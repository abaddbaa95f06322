"""The figure of quality control: what the cells are like before and after it."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentbench.figures.inputs import Inputs
from latentbench.figures.style import MUTED, WIDTH

MEASURES = {
    "total_counts": "counts of a cell",
    "n_genes_by_counts": "genes of a cell",
    "pct_counts_mt": "mitochondrial counts (%)",
}
COLOURS = (MUTED, "#0072b2")


def quality_figure(cells: pd.DataFrame) -> Figure:
    """Draw violins of every measure: of all cells (``cells``, ``kept`` among its columns), and of
    those that are kept; counts and genes on a log scale.
    """
    figure, axes = plt.subplots(1, len(MEASURES), figsize=(WIDTH, 2.4))
    for ax, (measure, name) in zip(axes, MEASURES.items(), strict=True):
        plot_before_and_after(ax, cells, measure, in_logs=measure != "pct_counts_mt")
        ax.set_ylabel(name)
    return figure


def plot_before_and_after(ax: Axes, cells: pd.DataFrame, measure: str, *, in_logs: bool) -> Axes:
    """Draw two violins with their medians, and say how many cells each holds."""
    values = np.log10(np.maximum(cells[measure], 1)) if in_logs else cells[measure]
    parts = [values.to_numpy(), values[cells["kept"]].to_numpy()]
    drawn = ax.violinplot(parts, showmedians=True, showextrema=False, widths=0.8)
    for body, colour in zip(drawn["bodies"], COLOURS, strict=True):
        body.set(facecolor=colour, alpha=0.7, lw=0)
    names = [f"{name}\n{len(part)}" for name, part in zip(("before", "after"), parts, strict=True)]
    ax.set_xticks([1, 2], names)
    if in_logs:
        ticks = np.arange(np.floor(values.min()), np.ceil(values.max()) + 1)
        ax.set_yticks(ticks, [f"{10**tick:,.0f}" for tick in ticks])
    return ax


def quality(given: Inputs) -> Figure:
    return quality_figure(given.quality)
