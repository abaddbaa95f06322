"""Figures of the training and of what it learned: loss terms, latent dimensions, principal
components.
"""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from latentbench.figures.inputs import Inputs
from latentbench.figures.panels import panels
from latentbench.figures.style import INK, MUTED, WIDTH, lighten, nothing_to_show, size_to_fit

SETTLED = 0.05
"""The first epochs, this share of all, may leave the axis at the top: the fall from the initial
weights would flatten all that follows."""
FIRST = ("loss", "reconstruction")
ANGLES = {"angle_decoder": "rows of the decoder", "angle_encoder": "columns of the encoder"}


def plot_term(ax: Axes, history: pd.DataFrame, colour: str) -> Axes:
    """Draw one loss term of one model: a thin line for every seed, train cells pale, test cells in
    full colour.
    """
    _plot_lines(
        ax,
        history.rename(columns={"replica": "seed"}),
        "epoch",
        hue="split",
        palette={"train": lighten(colour, 0.55), "test": colour},
        hue_order=["train", "test"],
    )
    settled = history.loc[history["epoch"] > SETTLED * history["epoch"].max(), "value"]
    finite = settled[np.isfinite(settled)]
    if len(finite) and finite.min() < finite.max():
        margin = 0.06 * (finite.max() - finite.min())
        ax.set_ylim(finite.min() - margin, finite.max() + margin)
    ax.yaxis.set_major_locator(MaxNLocator(4))
    return ax


def losses(given: Inputs) -> Figure:
    """Draw every loss term of every model of one data set that was trained: a row for each model, a
    column for each term.
    """
    history = given.tables.history
    models = [model for model in given.colours if model in set(history["model"])]
    if not models:
        return nothing_to_show("no model of this study is trained by epochs")
    terms = [*FIRST, *sorted(set(history["term"]) - {*FIRST})]
    terms = [term for term in terms if term in set(history["term"])]
    shape, size = (len(models), len(terms)), (WIDTH, 0.35 + 1.15 * len(models))
    figure, axes = plt.subplots(*shape, figsize=size, squeeze=False, sharex=True)
    by_panel = dict(iter(history.groupby(["model", "term"])))
    for row, model in zip(axes, models, strict=True):
        for ax, term in zip(row, terms, strict=True):
            if (model, term) in by_panel:
                plot_term(ax, by_panel[model, term], given.colours[model])
            else:
                ax.set_axis_off()
            ax.set(xlabel="", ylabel="")
        row[0].set_ylabel(f"{model}\n(loss per cell)", size=size_to_fit(model, 1.1, size=8.0))
    for column, term in zip(axes.T, terms, strict=True):
        column[0].set_title("loss (sum)" if term == "loss" else term)
        _name_epochs(column)
    figure.align_ylabels()
    _legend(figure, {"train cells": lighten(MUTED, 0.55), "test cells": MUTED})
    return figure


def latents(given: Inputs) -> Figure:
    """Draw how much each latent dimension of every model says of a test cell, a line for every
    seed, dimensions from the largest divergence from the prior to the smallest.
    """
    quality = given.tables.quality
    rows = quality[
        (quality["measure"] == "kl_per_dimension")
        & (quality["split"] == "test")
        & (quality["status"] == "ok")
    ]
    place = rows.groupby(["model", "seed"])["value"].rank(method="first", ascending=False)

    def draw(ax: Axes, of_model: pd.DataFrame, colour: str) -> None:
        _plot_lines(ax, of_model, "rank", color=colour, alpha=0.8, marker="o", markersize=2, mew=0)
        ax.set_ylim(bottom=0)

    return panels(
        rows.assign(rank=place),
        given.colours,
        draw,
        names=("latent dimension, by rank", "KL from the prior (nats per cell)"),
        height=1.5,
        none="no model of this study has a posterior of its codes",
    )


def pca(given: Inputs) -> Figure:
    """Draw the scree of the data set's principal components and, where a linear autoencoder was
    trained on it, its angles to them.
    """
    table = given.frame("pca")
    shares, angles = (
        table[table["measure"] == "variance_share"],
        table[table["measure"].isin(ANGLES)],
    )
    if shares.empty:
        return nothing_to_show("the values do not vary")
    shares = shares.sort_values("component").assign(value=100 * shares["value"])
    n_panels = 2 + (not angles.empty)
    figure, axes = plt.subplots(1, n_panels, figsize=(WIDTH, 2.4))
    so_far = shares.assign(value=shares.groupby("split")["value"].cumsum())
    for ax, rows, name in zip(
        axes, (shares, so_far), ("variance explained (%)", "variance so far (%)"), strict=False
    ):
        plot_hollow(ax, rows, "split", {"train": INK, "test": "white"}, {"pca": INK})
        ax.set(xlabel="component", ylabel=name)
        ax.set_ylim(bottom=0)
    faces = {"training cells": INK, "test cells": "white"}
    if not angles.empty:
        faces_of_angles = {"angle_decoder": None, "angle_encoder": "white"}
        plot_hollow(axes[2], angles, "measure", faces_of_angles, given.colours)
        axes[2].set(xlabel="principal angle, the largest first", ylabel="degrees from PCA")
        axes[2].set(ylim=(-2, 92), yticks=[0, 30, 60, 90])
        faces |= dict(zip(ANGLES.values(), (MUTED, "white"), strict=True))
    marks = [
        Line2D([], [], marker="o", ls="", ms=3.5, color=INK, mfc=face, label=name)
        for name, face in faces.items()
    ]
    figure.legend(handles=marks, loc="outside upper right", ncols=len(marks))
    return figure


def plot_hollow(
    ax: Axes,
    rows: pd.DataFrame,
    column: str,
    faces: Mapping[str, str | None],
    colours: Mapping[str, str],
) -> Axes:
    """Draw values over components, a line for every model and seed, one for each entry of
    ``faces``: the values of ``column`` and what their dots are filled with (None: their colour).
    """
    for (model, value), of_line in rows.groupby(["model", column], sort=False):
        colour = colours[str(model)]
        dots = {"markerfacecolor": faces[str(value)] or colour, "markeredgecolor": colour}
        _plot_lines(
            ax, of_line, "component", color=colour, marker="o", markersize=2.7, **dots, lw=0.6
        )
    return ax


def _plot_lines(ax: Axes, rows: pd.DataFrame, x: str, **how: object) -> None:
    """Draw ``value`` over ``x``, a thin line for every seed."""
    seeds = {} if rows["seed"].isna().all() else {"units": "seed", "estimator": None}
    how = {"lw": 0.7, **how}
    sns.lineplot(rows, x=x, y="value", **seeds, errorbar=None, legend=False, ax=ax, **how)
    ax.yaxis.grid(True)
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))


def _name_epochs(column: np.ndarray) -> None:
    """Name the epochs under the lowest panel that is drawn in a column."""
    drawn = [ax for ax in column if ax.axison]
    for ax in drawn:
        ax.tick_params(labelbottom=ax is drawn[-1])
    drawn[-1].set_xlabel("epoch")


def _legend(figure: Figure, colours: Mapping[str, str]) -> None:
    lines = [Line2D([], [], lw=1.2, color=colour, label=name) for name, colour in colours.items()]
    figure.legend(handles=lines, loc="outside upper right", ncols=len(lines))
