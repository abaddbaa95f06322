"""Figures of the training: loss terms over epochs."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from latentbench.figures.inputs import Inputs
from latentbench.figures.style import (
    MUTED,
    WIDTH,
    lighten,
    model_colours,
    model_order,
    nothing_to_show,
)
from latentbench.report.tables import StudyTables

SETTLED = 0.05
"""The first epochs, this share of all, may leave the axis at the top: the fall from the initial
weights would flatten all that follows."""


def plot_term(ax: Axes, history: pd.DataFrame, colour: str) -> Axes:
    """Draw one loss term of one model: a thin line for every seed, train cells pale, test cells in
    full colour.
    """
    for split, line in (("train", lighten(colour, 0.55)), ("test", colour)):
        for _, replica in (
            history[history["split"] == split].sort_values("epoch").groupby("replica")
        ):
            ax.plot(replica["epoch"], replica["value"], lw=0.7, color=line)
    settled = history.loc[history["epoch"] > SETTLED * history["epoch"].max(), "value"]
    finite = settled[np.isfinite(settled)]
    if len(finite) and finite.min() < finite.max():
        margin = 0.06 * (finite.max() - finite.min())
        ax.set_ylim(finite.min() - margin, finite.max() + margin)
    ax.yaxis.grid(True)
    ax.yaxis.set_major_locator(plt.MaxNLocator(4))
    ax.xaxis.set_major_locator(plt.MaxNLocator(4, integer=True))
    return ax


def losses_figure(tables: StudyTables) -> Figure:
    """Draw every loss term of every model of one data set that was trained: a row for each model, a
    column for each term.
    """
    history = tables.history
    trained = {
        model: kind for model, kind in tables.kinds.items() if model in set(history["model"])
    }
    if not trained:
        return nothing_to_show("no model of this study is trained by epochs")
    colours = model_colours(tables.kinds)
    models = model_order(trained)
    first = ["loss", "reconstruction"]
    terms = sorted(
        history["term"].unique(),
        key=lambda term: (first.index(term) if term in first else len(first), term),
    )
    figure, axes = plt.subplots(
        len(models),
        len(terms),
        figsize=(WIDTH, 0.35 + 1.15 * len(models)),
        squeeze=False,
        sharex=True,
    )
    for row, model in zip(axes, models, strict=True):
        _draw_row(row, history[history["model"] == model], terms, colours[model])
        row[0].set_ylabel(f"{model}\n(loss per cell)")
    for ax, term in zip(axes[0], terms, strict=True):
        ax.set_title("loss (sum)" if term == "loss" else term)
    _name_epochs(axes)
    figure.align_ylabels()
    lines = [
        Line2D([], [], lw=1.2, color=lighten(MUTED, 0.55), label="train cells"),
        Line2D([], [], lw=1.2, color=MUTED, label="test cells"),
    ]
    figure.legend(handles=lines, loc="outside upper right", ncols=2)
    return figure


def _draw_row(row: np.ndarray, history: pd.DataFrame, terms: list[str], colour: str) -> None:
    for ax, term in zip(row, terms, strict=True):
        of_term = history[history["term"] == term]
        if of_term.empty:
            ax.set_axis_off()
        else:
            plot_term(ax, of_term, colour)


def _name_epochs(axes: np.ndarray) -> None:
    """Name the epochs under the lowest panel that is drawn in each column."""
    for column in axes.T:
        drawn = [ax for ax in column if ax.axison]
        for ax in drawn:
            ax.tick_params(labelbottom=ax is drawn[-1])
        drawn[-1].set_xlabel("epoch")


def losses(given: Inputs) -> Figure:
    return losses_figure(given.tables)
