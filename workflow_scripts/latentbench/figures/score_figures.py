"""Figures of the whole study: scores and cost. Each plot function takes a tidy frame, draws on the
given ax and returns it.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from latentbench.figures.inputs import Inputs
from latentbench.figures.style import INK, MUTED, WIDTH, model_colours, model_order, nothing_to_show
from latentbench.report.tables import HEADLINE_METRICS, StudyTables, headline, trained_models

SAW_LABELS_MARK = " †"


def plot_scores(
    ax: Axes, scores: pd.DataFrame, summary: pd.DataFrame, colours: Mapping[str, str]
) -> Axes:
    """Draw one metric on one data set: a dot for every seed, the mean and its 95 % interval for
    every model.

    ``scores`` and ``summary`` hold the rows of that metric, data set, split and clustering;
    ``colours`` names the models, from top to bottom."""
    for y, (model, colour) in enumerate(colours.items()):
        values = (
            scores.loc[scores["model"] == model].sort_values("seed")["value"].dropna().to_numpy()
        )
        ax.plot(
            values,
            y - 0.16 + _spread(values.size, 0.12),
            "o",
            ms=2.8,
            mew=0,
            color=colour,
            alpha=0.7,
            clip_on=False,
        )
        for row in summary[summary["model"] == model].itertuples():
            ax.plot(
                [row.low, row.high],
                [y + 0.2] * 2,
                "-",
                lw=1.3,
                color=colour,
                solid_capstyle="butt",
                clip_on=False,
            )
            ax.plot(row.mean, y + 0.2, "|", ms=5, mew=1.3, color=INK, clip_on=False)
            if row.n_failed:
                ax.annotate(
                    f"{row.n_ok} of {row.n_ok + row.n_failed}",
                    (1.0, y),
                    (3, 0),
                    ("axes fraction", "data"),
                    "offset points",
                    va="center",
                    size=6.5,
                    color=MUTED,
                )
    _name_models(ax, colours, set(summary.loc[summary["saw_labels"].astype(bool), "model"]))
    lowest = min([0.0, *scores["value"].dropna(), *summary["low"].dropna()])
    ax.set_xlim(min(-0.03, lowest - 0.03), 1.03)
    ax.xaxis.grid(True)
    return ax


def plot_cost(ax: Axes, status: pd.DataFrame, column: str, colours: Mapping[str, str]) -> Axes:
    """Draw one column of the status table (seconds or MB): a dot for every replica, a bar at their
    median.
    """
    for y, (model, colour) in enumerate(colours.items()):
        values = (
            status.loc[status["model"] == model].sort_values("seed")[column].dropna().to_numpy()
        )
        values = values[
            values > 0
            # a time too short to measure has no place on a log axis, and its dots would break the
            # layout
        ]
        ax.plot(
            values,
            y + _spread(values.size, 0.28),
            "o",
            ms=2.6,
            mew=0,
            color=colour,
            alpha=0.6,
            clip_on=False,
        )
        if values.size:
            ax.plot([np.median(values)] * 2, [y - 0.34, y + 0.34], "-", lw=1.6, color=colour)
    _name_models(ax, colours, set())
    ax.xaxis.grid(True)
    return ax


def scores_figure(tables: StudyTables, datasets: Sequence[str]) -> Figure:
    """Draw ARI, NMI and ACC of the headline clustering on test cells: a row of panels for every
    data set.
    """
    # A panel without a single value says nothing, and would be squeezed out of shape.
    datasets = [
        dataset
        for dataset in datasets
        if headline(tables.of_dataset(dataset))[0]["value"].notna().any()
    ]
    if not datasets:
        return nothing_to_show("no model has a score against labels of two classes or more")
    colours = model_colours(tables.kinds)
    shown = {dataset: _models_on(tables, dataset, colours) for dataset in datasets}
    figure, axes = plt.subplots(
        *(len(datasets), len(HEADLINE_METRICS)),
        figsize=(WIDTH, sum(0.62 + 0.185 * len(models) for models in shown.values()) + 0.25),
        height_ratios=[len(models) + 2 for models in shown.values()],
        squeeze=False,
        sharex="col",
    )
    for row, dataset in zip(axes, datasets, strict=True):
        of_dataset = tables.of_dataset(dataset)
        scores, summary = headline(of_dataset)
        for ax, (metric, name) in zip(row, HEADLINE_METRICS.items(), strict=True):
            plot_scores(
                ax,
                scores[scores["metric"] == metric],
                summary[summary["metric"] == metric],
                shown[dataset],
            )
            ax.set_xlabel(f"{name}, test cells")
            ax.label_outer(remove_inner_ticks=True)
        row[0].set_title(dataset, weight="bold")
    _legend_of_marks(figure, any(tables.summary["saw_labels"].astype(bool)))
    return figure


def cost_figure(tables: StudyTables, datasets: Sequence[str]) -> Figure:
    """Draw seconds and peak memory of every replica: a row of panels for every data set."""
    colours, trained = model_colours(tables.kinds), trained_models(tables)
    shown = {
        dataset: {
            model: colour
            for model, colour in _models_on(tables, dataset, colours).items()
            if model in trained
        }
        for dataset in datasets
    }
    figure, axes = plt.subplots(
        *(len(datasets), 2),
        figsize=(WIDTH, sum(0.6 + 0.17 * len(models) for models in shown.values()) + 0.1),
        height_ratios=[len(models) + 2 for models in shown.values()],
        squeeze=False,
        sharex="col",
    )
    for row, dataset in zip(axes, datasets, strict=True):
        status = tables.of_dataset(dataset).status
        for ax, column, name in zip(
            row,
            ("seconds", "peak_memory_mb"),
            ("training time of a replica (s)", "peak memory (MB)"),
            strict=True,
        ):
            plot_cost(ax, status, column, shown[dataset])
            ax.set_xlabel(name)
            if column == "seconds":
                ax.set_xscale("log")
                ax.xaxis.set_major_formatter("{x:g}")
            else:
                ax.set_xlim(0, 1.08 * tables.status[column].max())
            ax.label_outer(remove_inner_ticks=True)
        row[0].set_title(dataset, weight="bold")
    return figure


def _models_on(tables: StudyTables, dataset: str, colours: Mapping[str, str]) -> dict[str, str]:
    kinds = tables.of_dataset(dataset).kinds
    return {model: colours[model] for model in model_order(kinds)}


def _spread(count: int, half_width: float) -> np.ndarray:
    """Offsets that keep the dots of neighbouring seeds apart; a fixed pattern, not noise."""
    return np.linspace(-half_width, half_width, count) if count > 1 else np.zeros(count)


def _name_models(ax: Axes, colours: Mapping[str, str], saw_labels: set[str]) -> None:
    ax.set_yticks(
        range(len(colours)),
        [model + (SAW_LABELS_MARK if model in saw_labels else "") for model in colours],
    )
    ax.set_ylim(len(colours) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def _legend_of_marks(figure: Figure, some_saw_labels: bool) -> None:
    marks = [
        Line2D([], [], marker="o", ls="", ms=2.6, color=MUTED, label="one seed"),
        Line2D(
            [],
            [],
            marker="|",
            ls="-",
            lw=1.3,
            ms=5,
            mec=INK,
            mew=1.3,
            color=MUTED,
            label="mean, 95 % interval over seeds",
        ),
    ]
    if some_saw_labels:
        marks.append(Line2D([], [], ls="", label="† saw labels"))
    figure.legend(handles=marks, loc="outside upper right", ncols=len(marks))


def scores(given: Inputs) -> Figure:
    return scores_figure(given.tables, given.tables.datasets)


def cost(given: Inputs) -> Figure:
    return cost_figure(given.tables, given.tables.datasets)
