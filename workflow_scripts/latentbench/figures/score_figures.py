"""Figures of every seed of every model: scores, time and memory."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from latentbench.figures.inputs import Inputs
from latentbench.figures.style import INK, MUTED, WIDTH, model_order, nothing_to_show
from latentbench.report.tables import HEADLINE_METRICS, headline, trained_models

COSTS = {"seconds": "training time of a replica (s)", "peak_memory_mb": "peak memory (MB)"}
SAW_LABELS_MARK = " †"


def plot_scores(
    ax: Axes, scores: pd.DataFrame, summary: pd.DataFrame, colours: Mapping[str, str]
) -> Axes:
    """Draw one metric on one data set: a dot for every seed, the mean and its 95 % interval for
    every model.

    ``scores`` and ``summary`` hold the rows of that metric, data set, split and clustering;
    ``colours`` names the models, from top to bottom."""
    rows = {model: y for y, model in enumerate(colours)}
    _plot_seeds(ax, scores.assign(y=scores["model"].map(rows) - 0.16), "value", colours, 0.12)
    # The median and the range of mean and both ends of the interval are the mean and the interval.
    estimates = summary.melt(["model", "n_ok", "n_failed"], ["low", "mean", "high"]).dropna()
    sns.pointplot(
        estimates.assign(y=estimates["model"].map(rows) + 0.2),
        x="value",
        y="y",
        hue="model",
        palette=dict(colours),
        orient="y",
        native_scale=True,
        estimator="median",
        errorbar=("pi", 100),
        linestyle="none",
        marker="|",
        markersize=5,
        markeredgecolor=INK,
        markeredgewidth=1.3,
        err_kws={"linewidth": 1.3, "solid_capstyle": "butt"},
        legend=False,
        ax=ax,
    )
    for row in summary[summary["n_failed"] > 0].itertuples():
        ax.annotate(
            f"{row.n_ok} of {row.n_ok + row.n_failed}",
            (1.0, rows[row.model]),
            (3, 0),
            ("axes fraction", "data"),
            "offset points",
            va="center",
            size=6.5,
            color=MUTED,
        )
    name_models(ax, colours, set(summary.loc[summary["saw_labels"].astype(bool), "model"]))
    lowest = min([0.0, *scores["value"].dropna(), *summary["low"].dropna()])
    ax.set_xlim(min(-0.03, lowest - 0.03), 1.03)
    return ax


def plot_cost(ax: Axes, status: pd.DataFrame, column: str, colours: Mapping[str, str]) -> Axes:
    """Draw one column of the status table (seconds or MB): a dot for every replica, a bar at their
    median.
    """
    # A time too short to measure has no place on a log axis, and its dots would break the layout.
    measured = status[(status[column] > 0) & status["model"].isin(colours)]
    rows = {model: y for y, model in enumerate(colours)}
    measured = measured.assign(y=measured["model"].map(rows))
    _plot_seeds(ax, measured, column, colours, 0.28)
    for model, median in measured.groupby("model")[column].median().items():
        ax.plot(
            [median] * 2, [rows[model] - 0.34, rows[model] + 0.34], lw=1.6, color=colours[model]
        )
    name_models(ax, colours, set())
    return ax


def scores(given: Inputs) -> Figure:
    """Draw ARI, NMI and ACC of the headline clustering on test cells: a row of panels for every
    data set.
    """
    scored = {
        dataset: headline(given.tables.of_dataset(dataset)) for dataset in given.tables.datasets
    }
    # A panel without a single value says nothing, and would be squeezed out of shape.
    scored = {name: pair for name, pair in scored.items() if pair[0]["value"].notna().any()}
    if not scored:
        return nothing_to_show("no model has a score against labels of two classes or more")

    def draw(row: np.ndarray, dataset: str, colours: Mapping[str, str]) -> None:
        of_seeds, summary = scored[dataset]
        for ax, (metric, name) in zip(row, HEADLINE_METRICS.items(), strict=True):
            of_metric = summary[summary["metric"] == metric]
            plot_scores(ax, of_seeds[of_seeds["metric"] == metric], of_metric, colours)
            ax.set_xlabel(f"{name}, test cells")

    shown = {dataset: _models_on(given, dataset) for dataset in scored}
    figure = _rows_figure(shown, len(HEADLINE_METRICS), 0.185, draw)
    _legend_of_marks(figure, any(given.tables.summary["saw_labels"].astype(bool)))
    return figure


def cost(given: Inputs) -> Figure:
    """Draw seconds and peak memory of every replica: a row of panels for every data set."""
    trained, tables = trained_models(given.tables), given.tables

    def draw(row: np.ndarray, dataset: str, colours: Mapping[str, str]) -> None:
        for ax, (column, name) in zip(row, COSTS.items(), strict=True):
            plot_cost(ax, tables.of_dataset(dataset).status, column, colours)
            ax.set_xlabel(name)
        row[0].set_xscale("log")
        row[0].xaxis.set_major_formatter("{x:g}")
        row[1].set_xlim(0, 1.08 * tables.status["peak_memory_mb"].max())

    shown = {
        dataset: {m: c for m, c in _models_on(given, dataset).items() if m in trained}
        for dataset in tables.datasets
    }
    return _rows_figure(shown, len(COSTS), 0.17, draw)


def _rows_figure(shown: Mapping[str, Mapping[str, str]], n_columns: int, height: float, draw):
    """Return a row of panels for every data set, as high as its models ask for: ``height`` each."""
    figure, axes = plt.subplots(
        *(len(shown), n_columns),
        figsize=(WIDTH, sum(0.62 + height * len(models) for models in shown.values()) + 0.25),
        height_ratios=[len(models) + 2 for models in shown.values()],
        squeeze=False,
        sharex="col",
    )
    for row, (dataset, colours) in zip(axes, shown.items(), strict=True):
        draw(row, dataset, colours)
        row[0].set_title(dataset, weight="bold")
        for ax in row:
            ax.label_outer(remove_inner_ticks=True)
    return figure


def _plot_seeds(
    ax: Axes, rows: pd.DataFrame, column: str, colours: Mapping[str, str], half_width: float
) -> None:
    """Draw a dot for every seed at ``y``; a fixed pattern, not noise, keeps neighbours apart."""
    rows = rows.dropna(subset=column).sort_values("seed")
    of_model = rows.groupby("model")["y"]
    place, last = of_model.cumcount(), (of_model.transform("size") - 1).clip(lower=1)
    apart = half_width * (2 * place / last - 1).where(of_model.transform("size") > 1, 0)
    sns.scatterplot(
        rows.assign(y=rows["y"] + apart),
        x=column,
        y="y",
        hue="model",
        palette=dict(colours),
        s=8,
        linewidth=0,
        alpha=0.7,
        legend=False,
        clip_on=False,
        ax=ax,
    )


def _models_on(given: Inputs, dataset: str) -> dict[str, str]:
    kinds = given.study.of_dataset(dataset).kinds
    return {model: given.colours[model] for model in model_order(kinds)}


def name_models(ax: Axes, colours: Mapping[str, str], saw_labels: set[str]) -> None:
    """Write the models beside their rows, from top to bottom; † marks those that saw labels."""
    names = [model + (SAW_LABELS_MARK if model in saw_labels else "") for model in colours]
    ax.set_yticks(range(len(colours)), names)
    ax.set_ylim(len(colours) - 0.4, -0.6)
    ax.set_ylabel("")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.xaxis.grid(True)


def _legend_of_marks(figure: Figure, some_saw_labels: bool) -> None:
    estimate = {"marker": "|", "ls": "-", "lw": 1.3, "ms": 5, "mec": INK, "mew": 1.3}
    marks = [
        Line2D([], [], marker="o", ls="", ms=2.6, color=MUTED, label="one seed"),
        Line2D([], [], **estimate, color=MUTED, label="mean, 95 % interval over seeds"),
    ]
    if some_saw_labels:
        marks.append(Line2D([], [], ls="", label="† saw labels"))
    figure.legend(handles=marks, loc="outside upper right", ncols=len(marks))
