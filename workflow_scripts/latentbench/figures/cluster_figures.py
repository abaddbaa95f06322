"""Figures of the clusters that models find on one data set: against labels, their sizes, and how
sure the models are of them.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from sklearn.metrics import adjusted_rand_score

from latentbench.figures.inputs import Inputs
from latentbench.figures.maps import UNMAPPED_KINDS, match_clusters
from latentbench.figures.panels import panels
from latentbench.figures.style import (
    GRID,
    INK,
    MUTED,
    SHARES,
    WIDTH,
    lighten,
    natural_order,
    nothing_to_show,
)
from latentbench.files.embedding import EmbeddingFile
from latentbench.report.tables import best_model, chosen_seed
from latentbench.study.applicability import CONTROL_KINDS

MOST_WRITTEN = 20
"""Labels or clusters up to which the counts are written into a confusion matrix."""
BINS = np.linspace(0, 1, 21)


def confusion_table(labels: pd.Series, clusters: pd.Series) -> pd.DataFrame:
    """Return the number of cells of each label (row) in each cluster (column); matched pairs lie on
    the diagonal, unmatched clusters to its right.
    """
    table = pd.crosstab(labels, clusters)
    table = table.loc[natural_order(table.index)]
    label_of = match_clusters(table.to_numpy().T)

    def place(cluster: int) -> tuple[int, int]:
        return label_of.get(cluster, len(table)), -int(table.iloc[:, cluster].sum())

    return table.iloc[:, sorted(range(table.shape[1]), key=place)]


def confusion(given: Inputs) -> Figure:
    """Draw the confusion matrix of the best contestant's replica that was chosen without labels, on
    test cells.
    """
    model, found = best_model(given.tables), given.clusters
    if model is None:
        return nothing_to_show("no contestant has a score")
    seed = chosen_seed(given.tables, model)
    shown = (found["model"] == model) & (found["seed"] == seed) & (found["split"] == "test")
    labelled = found[shown].dropna(subset=["label", "cluster"])
    if labelled.empty:
        return nothing_to_show("no labelled test cell has a cluster")
    counts = confusion_table(labelled["label"], labelled["cluster"])
    totals = counts.sum(axis=1)
    size = (min(WIDTH, 2.6 + 0.36 * counts.shape[1]), 0.9 + 0.27 * max(len(counts), 3))
    figure, ax = plt.subplots(figsize=size)
    sns.heatmap(
        counts.div(totals, axis=0),
        annot=counts.astype(str).where(counts > 0, "")
        if max(counts.shape) <= MOST_WRITTEN
        else None,
        fmt="",
        annot_kws={"size": 6.5},
        cmap=SHARES,
        vmin=0,
        vmax=1,
        cbar=False,
        xticklabels=counts.columns,
        yticklabels=[f"{label} ({total})" for label, total in totals.items()],
        ax=ax,
    )
    ax.tick_params(length=0, rotation=0)
    ax.set(xlabel="cluster", ylabel="label (test cells)")
    ax.set_title(f"{model}, seed {seed}", weight="bold")
    return figure


def agreement(given: Inputs) -> Figure:
    """Draw how far the variants' clusterings agree, pair by pair: adjusted Rand index over all
    cells, of each variant's replica that was chosen without labels.
    """
    found, kinds = given.clusters, given.study.kinds
    # Clusters made of the labels say nothing of what the variants see in the data.
    models = [model for model in given.colours if kinds[model] not in UNMAPPED_KINDS]
    models = [model for model in models if model in set(found["model"])]
    chosen = {model: chosen_seed(given.tables, model) for model in models}
    picked = found[found["seed"] == found["model"].map(chosen)]
    clusterings = picked.pivot(index="cell", columns="model", values="cluster")
    clusterings = clusterings[[model for model in models if model in clusterings]]
    if clusterings.shape[1] < 2:
        return nothing_to_show("fewer than two variants have clusters")
    table = clusterings.apply(
        lambda one: clusterings.apply(lambda other: adjusted_rand_score(one, other))
    )
    side = 1.6 + 0.42 * len(table)
    figure, ax = plt.subplots(figsize=(min(WIDTH, side + 0.7), min(WIDTH, side)))
    annotated = {"annot": len(table) <= MOST_WRITTEN, "fmt": ".2f", "annot_kws": {"size": 6.5}}
    scale = {"vmin": 0, "vmax": 1, "cmap": SHARES, "square": True}
    bar = {"label": "adjusted Rand index", "shrink": 0.7}
    sns.heatmap(table, **annotated, **scale, cbar_kws=bar, ax=ax)
    ax.set(xlabel="", ylabel="")
    ax.tick_params(length=0)
    return figure


def usage(given: Inputs) -> Figure:
    """Draw how the cells spread over the clusters: a bar for every replica, grouped by model, above
    them the labels themselves.
    """
    kinds, found = given.study.kinds, dict(iter(given.clusters.groupby("model")))
    colours = {"label": INK} | {
        model: colour
        for model, colour in given.colours.items()
        # Clusters made of the labels have the sizes of the labels, which are drawn already.
        if kinds[model] not in UNMAPPED_KINDS
    }
    ticks: dict[str, float] = {}
    bars: list[tuple[int, str, Sequence[float]]] = []
    y = 0
    for model in [model for model in colours if model in found]:
        sizes = found[model].groupby("seed")["cluster"].value_counts(normalize=True)
        replicas = [of_seed.tolist() for _, of_seed in sizes.groupby("seed") if len(of_seed)]
        if replicas:
            name = "labels (truth)" if model == "label" else model
            ticks[name] = y + (len(replicas) - 1) / 2
            bars += [(y + i, colours[model], shares) for i, shares in enumerate(replicas)]
            y += len(replicas) + 1
    figure, ax = plt.subplots(figsize=(WIDTH, 0.7 + 0.066 * y))
    for place, colour, shares in bars:
        plot_bar(ax, place, shares, colour)
    ax.set(xlim=(0, 1), ylim=(y - 0.4, -0.6))
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.set_yticks(list(ticks.values()), list(ticks))
    ax.set_xlabel(
        "share of the cells, a bar for every seed, its clusters from the largest to the smallest"
    )
    return figure


def plot_bar(ax: Axes, y: int, shares: Sequence[float], colour: str) -> Axes:
    """Draw the shares of one replica as one bar, the largest first, in two shades by turns; seaborn
    has no stacked bar whose colour is the model.
    """
    widths = np.sort(np.asarray(shares, dtype=np.float64))[::-1]
    shades = [lighten(colour, 0.5 * (i % 2)) for i in range(len(widths))]
    ax.barh(y, widths, left=np.cumsum(widths) - widths, height=0.86, color=shades, linewidth=0)
    return ax


def responsibilities(given: Inputs) -> Figure:
    """Draw how sure every model that clusters by itself is of the clusters of test cells: a line
    for every seed.
    """
    shares = shares_of_test_cells(given)

    def draw(ax: Axes, of_model: pd.DataFrame, colour: str) -> None:
        n_seeds = of_model["seed"].nunique()
        sns.histplot(
            of_model,
            x="probability",
            weights="share",
            hue="seed",
            palette=[colour] * n_seeds,
            bins=BINS.tolist(),
            element="step",
            fill=False,
            linewidth=0.8,
            alpha=0.8,
            legend=False,
            ax=ax,
        )
        ax.set(xlim=(0, 1), xticks=[0, 0.5, 1])
        ax.yaxis.grid(True)
        ax.yaxis.set_major_locator(plt.MaxNLocator(3))
        ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")

    figure = panels(
        shares[~shares["model"].map(given.study.kinds).isin(CONTROL_KINDS)],
        given.colours,
        draw,
        names=("largest cluster probability of a test cell", "share of the test cells"),
        height=1.35,
        none="no model of this study gives probabilities of clusters",
    )
    _legend(figure, None)
    return figure


def shares_of_test_cells(given: Inputs) -> pd.DataFrame:
    """Return the share of the test cells whose largest cluster probability falls into each of
    twenty bins: model, seed, probability (of the bin's middle), share; no row for a model without
    probabilities.
    """
    rows = [
        (model, seed, middle, share)
        for model, path in given.of_models("embeddings").items()
        for file in [EmbeddingFile(path)]
        for seed in file.seeds_with_probs
        for largest in [file.cluster_probs(seed)[~file.is_train].max(axis=1)]
        for middle, share in zip(
            (BINS[1:] + BINS[:-1]) / 2,
            np.histogram(np.clip(largest, 0, 1), BINS)[0] / max(len(largest), 1),
            strict=True,
        )
    ]
    return pd.DataFrame(rows, columns=["model", "seed", "probability", "share"])


def calibration(given: Inputs) -> Figure:
    """Draw the reliability of every model but the controls of one data set that gives cluster
    probabilities, on test cells.
    """
    rows, scores = given.tables.reliability, given.tables.scores
    controls = rows["model"].map(given.study.kinds).isin(CONTROL_KINDS)
    of_test = (scores["metric"] == "ece") & (scores["split"] == "test")
    errors = scores[of_test].groupby("model")["value"].mean()

    def draw(ax: Axes, of_model: pd.DataFrame, colour: str) -> None:
        plot_reliability(ax, of_model, colour)
        error = errors.get(of_model["model"].iloc[0], np.nan)
        if np.isfinite(error):
            place = {"xycoords": "axes fraction", "va": "top", "size": 7, "color": MUTED}
            ax.annotate(f"ECE {error:.2f}", (0.04, 0.96), **place)

    figure = panels(
        rows[(rows["split"] == "test") & ~controls],
        given.colours,
        draw,
        names=(
            "confidence: probability of the most probable cluster",
            "accuracy, clusters matched to labels",
        ),
        height=1.75,
        none="no model gives probabilities of clusters that labels could be held against",
    )
    _legend(figure, "one bin of confidence, area: share of the cells")
    return figure


def plot_reliability(ax: Axes, reliability: pd.DataFrame, colour: str) -> Axes:
    """Draw accuracy against confidence of one model: a thin line for every seed, over all seeds
    dots whose area is the share of the cells.

    ``reliability`` holds its rows of one split; on the diagonal the probabilities mean what they
    say, below it the model is too sure."""
    ax.axline((0, 0), slope=1, lw=0.8, color=GRID, zorder=0)
    filled = reliability[reliability["n_obs"] > 0]
    lines = {"units": "seed", "estimator": None, "sort": False, "lw": 0.7}
    sns.lineplot(
        filled,
        x="confidence",
        y="accuracy",
        color=lighten(colour, 0.4),
        legend=False,
        ax=ax,
        **lines,
    )
    sums = filled[["confidence", "accuracy"]].mul(filled["n_obs"], axis=0)
    totals = sums.assign(n_obs=filled["n_obs"], bin=filled["bin"]).groupby("bin").sum()
    means = totals.div(totals["n_obs"], axis=0).assign(
        n_obs=totals["n_obs"] / totals["n_obs"].sum()
    )
    sns.scatterplot(
        means,
        x="confidence",
        y="accuracy",
        size="n_obs",
        sizes=(3, 93),
        size_norm=(0, 1),
        color=colour,
        linewidth=0,
        alpha=0.85,
        clip_on=False,
        legend=False,
        ax=ax,
    )
    ax.set(xlim=(0, 1), ylim=(0, 1), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], aspect="equal")
    return ax


def _legend(figure: Figure, dot: str | None) -> None:
    if figure.axes:
        marks = [Line2D([], [], lw=0.7, color=MUTED, label="one seed")]
        if dot:
            marks.append(Line2D([], [], marker="o", ls="", ms=5, mew=0, color=MUTED, label=dot))
        figure.legend(handles=marks, loc="outside upper right", ncols=len(marks))
