"""Figures of how sound the fitted models are: whether cluster probabilities mean what they say, and
how much of the latent space is used.
"""

from collections.abc import Callable, Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from latentbench.figures.inputs import Inputs
from latentbench.figures.style import (
    GRID,
    MUTED,
    WIDTH,
    lighten,
    model_colours,
    model_order,
    nothing_to_show,
    size_to_fit,
)
from latentbench.report.tables import StudyTables
from latentbench.study.applicability import CONTROL_KINDS

COLUMNS = 4


def plot_reliability(ax: Axes, reliability: pd.DataFrame, colour: str) -> Axes:
    """Draw accuracy against confidence of one model: a thin line for every seed, over all seeds
    dots whose area is the share of the cells.

    ``reliability`` holds its rows of one split; on the diagonal the probabilities mean what they
    say, below it the model is too sure."""
    ax.plot([0, 1], [0, 1], "-", lw=0.8, color=GRID, zorder=0)
    filled = reliability[reliability["n_obs"] > 0]
    for _, seed in filled.groupby("seed"):
        ax.plot(seed["confidence"], seed["accuracy"], lw=0.7, color=lighten(colour, 0.4))
    weighted = filled.assign(
        sure=filled["n_obs"] * filled["confidence"], right=filled["n_obs"] * filled["accuracy"]
    )
    totals = weighted.groupby("bin")[["n_obs", "sure", "right"]].sum()
    share = totals["n_obs"] / totals["n_obs"].sum()
    ax.scatter(
        totals["sure"] / totals["n_obs"],
        totals["right"] / totals["n_obs"],
        s=3 + 90 * share,
        color=colour,
        lw=0,
        alpha=0.85,
        clip_on=False,
    )
    ax.set(xlim=(0, 1), ylim=(0, 1), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], aspect="equal")
    return ax


def plot_latents(ax: Axes, divergences: pd.DataFrame, colour: str) -> Axes:
    """Draw the divergence from the prior of each latent dimension of one model, a line for every
    seed, dimensions from the largest to the smallest.

    ``divergences``: its rows ``kl_per_dimension`` of one split. A dimension at zero is not used.
    """
    for _, seed in divergences.groupby("seed"):
        values = np.sort(seed["value"].to_numpy(dtype=np.float64))[::-1]
        ax.plot(
            np.arange(1, len(values) + 1),
            values,
            "-o",
            ms=2,
            mew=0,
            lw=0.7,
            color=colour,
            alpha=0.8,
            clip_on=False,
        )
    ax.set_ylim(bottom=0)
    ax.yaxis.grid(True)
    ax.xaxis.set_major_locator(plt.MaxNLocator(4, integer=True))
    return ax


def calibration_figure(tables: StudyTables) -> Figure:
    """Draw the reliability of every model but the controls of one data set that gives cluster
    probabilities, on test cells.
    """
    rows = tables.reliability[
        (tables.reliability["split"] == "test")
        & ~tables.reliability["model"].map(tables.kinds).isin(CONTROL_KINDS)
    ]
    errors = (
        tables.scores[(tables.scores["metric"] == "ece") & (tables.scores["split"] == "test")]
        .groupby("model")["value"]
        .mean()
    )

    def draw(ax: Axes, model: str, colour: str) -> None:
        plot_reliability(ax, rows[rows["model"] == model], colour)
        if model in errors and np.isfinite(errors[model]):
            ax.annotate(
                f"ECE {errors[model]:.2f}",
                (0.04, 0.96),
                xycoords="axes fraction",
                va="top",
                size=7,
                color=MUTED,
            )

    figure = panels(
        tables.kinds,
        rows,
        draw,
        height=1.75,
        none=(
            "no model of this study gives probabilities of clusters that labels could be held"
            " against"
        ),
    )
    x, y = (
        "confidence: probability of the most probable cluster",
        "accuracy, clusters matched to labels",
    )
    return _named(figure, x, y, "one bin of confidence, area: share of the cells")


def latents_figure(tables: StudyTables) -> Figure:
    """Draw how much each latent dimension of every model of one data set says of a test cell."""
    quality = tables.quality
    rows = quality[
        (quality["measure"] == "kl_per_dimension")
        & (quality["split"] == "test")
        & (quality["status"] == "ok")
    ]

    def draw(ax: Axes, model: str, colour: str) -> None:
        plot_latents(ax, rows[rows["model"] == model], colour)

    figure = panels(
        tables.kinds,
        rows,
        draw,
        height=1.5,
        none="no model of this study has a posterior of its codes",
    )
    return _named(figure, "latent dimension, by rank", "KL from the prior (nats per cell)", None)


def panels(
    kinds: Mapping[str, str],
    rows: pd.DataFrame,
    draw: Callable[[Axes, str, str], None],
    *,
    height: float,
    none: str,
) -> Figure:
    """Return a grid with a panel for every model that has a row, in the order and the colours of
    the study; the sentence ``none`` where there is no row.
    """
    shown = {model: kind for model, kind in kinds.items() if model in set(rows["model"])}
    if not shown:
        return nothing_to_show(none)
    n_rows, colours = -(-len(shown) // COLUMNS), model_colours(kinds)
    figure, axes = plt.subplots(
        n_rows, COLUMNS, figsize=(WIDTH, 0.55 + height * n_rows), squeeze=False
    )
    for ax, model in zip(axes.flat, model_order(shown), strict=False):
        draw(ax, model, colours[model])
        ax.set_title(model, size=size_to_fit(model, 0.92 * WIDTH / COLUMNS, size=8.0))
    for ax in axes.flat[len(shown) :]:
        ax.set_axis_off()
    return figure


def _named(figure: Figure, x: str, y: str, dot: str | None) -> Figure:
    """Name the axes once for all panels, if there are any."""
    if len(figure.axes) > 1:
        figure.supxlabel(x, size=8)
        figure.supylabel(y, size=8)
        if dot:
            marks = [
                Line2D([], [], lw=0.7, color=MUTED, label="one seed"),
                Line2D([], [], marker="o", ls="", ms=5, mew=0, color=MUTED, label=dot),
            ]
            figure.legend(handles=marks, loc="outside upper right", ncols=2)
    return figure


def calibration(given: Inputs) -> Figure:
    return calibration_figure(given.tables)


def latents(given: Inputs) -> Figure:
    return latents_figure(given.tables)
