"""Figures of the benchmarks: every measured round or seed is a dot, the median a bar."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentbench.figures.score_figures import WIDTH
from latentbench.figures.style import GRID, INK, MUTED, apply_style, lighten

SIDE_COLOURS = {
    "scvi-tools": "#0072b2",
    "pythae": "#cc79a7",
    "scanpy": "#009e73",
    "plain loop": "#8d949e",
    "latentbench": "#d55e00",
}
TERM_COLOURS = {
    "decoder": "#0072b2",
    "first layer": "#56b4e9",
    "likelihood": "#e69f00",
    "Adam": "#8d949e",
}
MICROSECONDS = "µs a cell, epoch and model"
QUALITY_BAR_PERCENT = 0.1


def side_colour(side: str) -> str:
    """Return a side's colour; a name may go on after a comma (``"latentbench, 4 seeds"``)."""
    return SIDE_COLOURS[side.split(",")[0]]


def times_figure(times: pd.DataFrame, summary: pd.DataFrame) -> Figure:
    """Draw the time of every round: a panel for each task, a line for each side, with how many
    times faster than the reference it is.
    """
    apply_style()
    tasks, n_sides = list(times["task"].unique()), times["side"].nunique()
    figure, axes = plt.subplots(
        1, len(tasks), figsize=(WIDTH, 0.75 + 0.3 * n_sides), squeeze=False, sharey=True
    )
    for ax, task in zip(axes[0], tasks, strict=True):
        plot_times(ax, times[times["task"] == task], summary[summary["task"] == task])
        ax.set_title(task, weight="bold")
        ax.set_xlabel(MICROSECONDS)
    return figure


def plot_times(ax: Axes, times: pd.DataFrame, summary: pd.DataFrame) -> Axes:
    """Draw one task's times of every side."""
    for y, row in enumerate(summary.itertuples()):
        plot_spread(
            ax, times.loc[times["side"] == row.side, "us_per_cell"], y, side_colour(row.side)
        )
        ax.annotate(
            f"{row.times_faster:.1f} ×",
            (row.us_per_cell, y),
            (0, 9),
            textcoords="offset points",
            ha="center",
            size=6.5,
            color=MUTED,
        )
    name_lines(ax, summary["side"].tolist())
    ax.set_xlim(0, 1.1 * times["us_per_cell"].max())
    return ax


def plot_spread(ax: Axes, values: pd.Series, y: float, colour: str) -> Axes:
    """Draw a dot for every value and a bar at their median."""
    places = y + np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else [y]
    ax.plot(values, places, "o", ms=2.8, mew=0, color=colour, alpha=0.6, clip_on=False)
    ax.plot([values.median()] * 2, [y - 0.3, y + 0.3], "-", lw=1.6, color=colour)
    return ax


def name_lines(ax: Axes, names: Sequence[str]) -> Axes:
    """Write the names of the lines, from top to bottom, along the y axis."""
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.7)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.xaxis.grid(True)
    return ax


def quality_figure(scores: pd.DataFrame) -> Figure:
    """Draw the held-out -ELBO of every seed: a panel for each task, with a band of 0.1 % around the
    mean of scvi-tools.
    """
    apply_style()
    tasks = list(scores["task"].unique())
    figure, axes = plt.subplots(1, len(tasks), figsize=(WIDTH, 1.4), squeeze=False, sharey=True)
    for ax, task in zip(axes[0], tasks, strict=True):
        of_task = scores[scores["task"] == task]
        sides = list(of_task["side"].unique())
        for y, side in enumerate(sides):
            plot_spread(
                ax, of_task.loc[of_task["side"] == side, "minus_elbo"], y, side_colour(side)
            )
        name_lines(ax, sides)
        centre = of_task.loc[of_task["side"] == "scvi-tools", "minus_elbo"].mean()
        ax.axvspan(
            centre * (1 - QUALITY_BAR_PERCENT / 100),
            centre * (1 + QUALITY_BAR_PERCENT / 100),
            color=GRID,
            zorder=0,
            lw=0,
        )
        ax.set_title(task, weight="bold")
        ax.set_xlabel("held-out −ELBO (nats a cell; lower is better)")
    return figure


def roofline_figure(floors: pd.DataFrame) -> Figure:
    """Draw the terms of every floor as one stacked bar, its arithmetic alone as a tick, and the
    training as a line: a panel for each number of cores.
    """
    apply_style()
    cores = list(floors["cores"].unique())
    figure, axes = plt.subplots(
        1, len(cores), figsize=(WIDTH, 1.9), squeeze=False, sharex=True, sharey=True
    )
    for ax, n_cores in zip(axes[0], cores, strict=True):
        plot_floors(ax, floors[floors["cores"] == n_cores])
        ax.set_title(f"{n_cores} core{'s' if n_cores > 1 else ''}", weight="bold")
        ax.set_xlabel(MICROSECONDS)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    n_lines = len(handles) - len(TERM_COLOURS)  # matplotlib names lines before bars
    figure.legend(
        handles[n_lines:] + handles[:n_lines],
        labels[n_lines:] + labels[:n_lines],
        loc="outside upper right",
        ncols=len(handles),
    )
    return figure


def plot_floors(ax: Axes, floors: pd.DataFrame) -> Axes:
    """Draw the floors of one number of cores."""
    places, left = np.arange(len(floors)), np.zeros(len(floors))
    for term, colour in TERM_COLOURS.items():
        ax.barh(places, floors[term], left=left, height=0.5, color=colour, label=term)
        left += floors[term].to_numpy()
    ax.plot(
        floors["arithmetic floor"], places, "|", ms=11, mew=1.3, color=INK, label="arithmetic alone"
    )
    ax.axvline(
        floors["latentbench"].iloc[0],
        color=SIDE_COLOURS["latentbench"],
        lw=1.6,
        label="latentbench",
    )
    return name_lines(ax, floors["variant"].tolist())


def scaling_figure(times: pd.DataFrame) -> Figure:
    """Draw the time over the number of cells, genes and models: a panel for each, a line through
    the medians of each side.
    """
    apply_style()
    axes_names = list(times["axis"].unique())
    figure, axes = plt.subplots(1, len(axes_names), figsize=(WIDTH, 2.2), squeeze=False)
    for ax, name in zip(axes[0], axes_names, strict=True):
        plot_scaling(ax, times[times["axis"] == name])
        ax.set_xlabel(
            {"cells": "cells", "genes": "genes", "models": "models at once, two workers"}[name]
        )
    axes[0, 0].set_ylabel(MICROSECONDS)
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=len(SIDE_COLOURS)
    )
    return figure


def plot_scaling(ax: Axes, times: pd.DataFrame) -> Axes:
    """Draw the times along one axis."""
    for side, of_side in times.groupby("side", sort=False):
        ax.plot(
            of_side["value"],
            of_side["us_per_cell"],
            "o",
            ms=2.8,
            mew=0,
            color=lighten(side_colour(side), 0.4),
        )
        medians = of_side.groupby("value")["us_per_cell"].median()
        ax.plot(medians.index, medians, "-", lw=1.3, color=side_colour(side), label=side)
    values = sorted(times["value"].unique())
    ax.set_xscale("log")
    ax.set_xticks(values, [f"{value:,}" for value in values])
    ax.minorticks_off()
    ax.set_ylim(0, None)
    ax.yaxis.grid(True)
    return ax
