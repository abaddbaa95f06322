"""Figures of what a model found on one data set: maps, confusion matrix, sizes of the clusters."""

from collections.abc import Iterable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from jaxtyping import Int
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.optimize import linear_sum_assignment

from latentbench.figures.style import (
    INK,
    ON_PALE,
    UNLABELLED,
    WIDTH,
    label_colours,
    lighten,
    nothing_to_show,
    size_to_fit,
)

COLUMNS_OF_MAPS = 4
MANY_POINTS = 5000
COLOURED_BY = {"label": "truth", "cluster": "clusters", "batch": "batch", "condition": "condition"}
SHARES = LinearSegmentedColormap.from_list(
    "shares", [lighten("#0072b2", 0.9), "#56b4e9", "#0072b2", "#08304f"]
)
"""Light to dark in one hue: lightness falls steadily."""


def plot_map(
    ax: Axes, points: pd.DataFrame, column: str, colours: Mapping[str, str], *, rasterized: bool
) -> Axes:
    """Draw one map: columns x and y, coloured by the texts of ``column``; cells without one are
    grey and lie behind.
    """
    texts = points[column].astype("object").where(points[column].notna(), None)
    # A fixed shuffle of the drawing order: no group is hidden behind the one that happens to come
    # last in the table.
    order = np.random.default_rng(0).permutation(len(points))
    order = order[np.argsort([texts.iloc[i] in colours for i in order], kind="stable")]
    shades = [colours.get(texts.iloc[i], UNLABELLED) for i in order]
    size = float(np.clip(2600 / max(len(points), 1), 0.8, 7))
    ax.scatter(
        points["x"].to_numpy()[order],
        points["y"].to_numpy()[order],
        s=size,
        c=shades,
        linewidths=0,
        rasterized=rasterized,
    )
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_box_aspect(1)
    return ax


def maps_figure(maps: pd.DataFrame, models: Sequence[str]) -> Figure:
    """Draw the maps of all models of one data set: one row coloured by truth, one by clusters, and
    by batch and condition where the data has them.
    """
    if maps.empty:
        return nothing_to_show("no model of this study has an embedding to show")
    columns = [column for column in COLOURED_BY if maps[column].notna().any()]
    blocks = [list(models[i : i + COLUMNS_OF_MAPS]) for i in range(0, len(models), COLUMNS_OF_MAPS)]
    # What is no label gets colours that no label of up to ten has.
    colours = {
        column: label_colours(
            natural_order(maps[column].dropna()), first=0 if column in ("label", "cluster") else 10
        )
        for column in columns
    }
    keys = [column for column in columns if column != "cluster"]
    side = WIDTH / COLUMNS_OF_MAPS
    heights = [side] * (len(blocks) * len(columns)) + [
        key_height(colours[column]) for column in keys
    ]
    figure = plt.figure(figsize=(WIDTH, sum(heights)))
    grid = figure.add_gridspec(len(heights), COLUMNS_OF_MAPS, height_ratios=heights)
    axes = np.array(
        [
            [figure.add_subplot(grid[i, j]) for j in range(COLUMNS_OF_MAPS)]
            for i in range(len(blocks) * len(columns))
        ]
    )
    for ax in axes.flat:
        ax.set_axis_off()
    for b, block in enumerate(blocks):
        for c, column in enumerate(columns):
            for ax, model in zip(axes[b * len(columns) + c], block, strict=False):
                points = maps[maps["model"] == model]
                shades = (
                    cluster_colours(points, colours["label"])
                    if column == "cluster" and "label" in columns
                    else colours[column]
                )
                ax.set_axis_on()
                plot_map(
                    ax, points, column, shades, rasterized=len(maps) * len(columns) > MANY_POINTS
                )
                if c == 0:
                    ax.set_title(
                        model, weight="bold", size=size_to_fit(model, 0.92 * side, size=8.5)
                    )
            axes[b * len(columns) + c, 0].set_ylabel(COLOURED_BY[column])
    for i, column in enumerate(keys):
        draw_key(
            figure.add_subplot(grid[len(heights) - len(keys) + i, :]),
            COLOURED_BY[column],
            colours[column],
        )
    return figure


def cluster_colours(points: pd.DataFrame, of_labels: Mapping[str, str]) -> dict[str, str]:
    """Return a colour for every cluster: its label's where the one-to-one matching gives it one,
    otherwise a shade of its commonest label's.
    """
    labelled = points.dropna(subset=["label", "cluster"])
    table = pd.crosstab(labelled["cluster"], labelled["label"])
    matched = match_clusters(table.to_numpy())
    colours = {}
    for i, cluster in enumerate(table.index):
        commonest = of_labels[table.columns[int(table.iloc[i].to_numpy().argmax())]]
        colours[cluster] = (
            of_labels[table.columns[matched[i]]] if i in matched else lighten(commonest, 0.45)
        )
    return colours


def match_clusters(table: Int[np.ndarray, "clusters labels"]) -> dict[int, int]:
    """Return the one-to-one matching of clusters (rows) to labels (columns) that covers most cells
    (Kuhn 1955).
    """
    rows, columns = linear_sum_assignment(table, maximize=True)
    return dict(zip(rows.tolist(), columns.tolist(), strict=True))


def plot_confusion(ax: Axes, labels: pd.Series, clusters: pd.Series) -> Axes:
    """Draw cells of each label (row, sums to 100 %) in each cluster (column); matched pairs lie on
    the diagonal, unmatched clusters to its right.
    """
    table = pd.crosstab(labels, clusters)
    table = table.loc[natural_order(table.index)]
    label_of = match_clusters(table.to_numpy().T)
    order = sorted(
        range(table.shape[1]),
        key=lambda cluster: (
            label_of.get(cluster, table.shape[0]),
            -int(table.iloc[:, cluster].sum()),
        ),
    )
    counts = table.to_numpy()[:, order]
    shares = counts / counts.sum(axis=1, keepdims=True)
    ax.imshow(shares, cmap=SHARES, vmin=0, vmax=1, aspect="auto")
    _write_counts(ax, counts, shares)
    ax.set_yticks(
        range(len(table)),
        [
            f"{label} ({total})"
            for label, total in zip(table.index, counts.sum(axis=1), strict=True)
        ],
    )
    ax.set_xticks(range(len(order)), [str(table.columns[cluster]) for cluster in order])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="cluster", ylabel="label (test cells)")
    return ax


def confusion_figure(clusters: pd.DataFrame, model: str) -> Figure:
    """Draw the confusion matrix of one replica; ``clusters`` has columns label and cluster, a row
    for every test cell.
    """
    labelled = clusters.dropna(subset=["label", "cluster"])
    n_labels, n_clusters = labelled["label"].nunique(), labelled["cluster"].nunique()
    if labelled.empty:
        return nothing_to_show("no labelled test cell with a cluster, so no confusion matrix")
    figure, ax = plt.subplots(
        figsize=(min(WIDTH, 2.6 + 0.36 * n_clusters), 0.9 + 0.27 * max(n_labels, 3))
    )
    plot_confusion(ax, labelled["label"], labelled["cluster"])
    ax.set_title(model, weight="bold")
    return figure


def plot_usage(ax: Axes, shares: Mapping[str, Sequence[float]], colours: Mapping[str, str]) -> Axes:
    """Draw one bar for every entry of ``shares`` (replica -> share of the cells in each cluster),
    largest cluster first, from left.
    """
    for y, (name, parts) in enumerate(shares.items()):
        left = 0.0
        for i, part in enumerate(sorted(parts, reverse=True)):
            ax.barh(
                y,
                part,
                left=left,
                height=0.86,
                color=lighten(colours[name], 0.0 if i % 2 == 0 else 0.5),
                linewidth=0,
            )
            left += part
    ax.set(xlim=(0, 1), ylim=(len(shares) - 0.4, -0.6))
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def usage_figure(clusters: pd.DataFrame, colours: Mapping[str, str]) -> Figure:
    """Draw how the cells spread over the clusters: a bar for every replica, grouped by model, above
    them the labels themselves.

    ``clusters``: columns model, seed, cluster, a row for every cell; the truth comes as model
    ``label``."""
    shares, shades, ticks = {}, {}, {}
    for model in [name for name in ("label", *colours) if name in set(clusters["model"])]:
        replicas = clusters[clusters["model"] == model].groupby("seed")["cluster"]
        ticks[len(shares) + (replicas.ngroups - 1) / 2] = (
            "labels (truth)" if model == "label" else model
        )
        for replica, names in replicas:
            shares[f"{model} {replica}"] = names.value_counts(normalize=True).tolist()
            shades[f"{model} {replica}"] = colours.get(model, INK)
        shares[f"{model} gap"] = []
    figure, ax = plt.subplots(figsize=(WIDTH, 0.7 + 0.066 * len(shares)))
    plot_usage(ax, shares, shades)
    ax.set_yticks(list(ticks), list(ticks.values()))
    ax.set_xlabel(
        "share of the cells, a bar for every seed, its clusters from the largest to the smallest"
    )
    return figure


def natural_order(texts: Iterable[str]) -> list[str]:
    """Return the distinct texts sorted, numbers by their value."""
    return sorted(
        {str(text) for text in texts},
        key=lambda text: (0, float(text), text) if _is_number(text) else (1, 0.0, text),
    )


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdigit()


def _shown(text: str) -> str:
    """A legend leaves out what begins with an underscore; a hair space keeps it."""
    return f"\u200a{text}" if text.startswith("_") else text


def _write_counts(ax: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    if max(counts.shape) > 20:
        return
    for i, j in zip(*np.nonzero(counts), strict=True):
        ax.text(
            j,
            i,
            str(counts[i, j]),
            ha="center",
            va="center",
            size=6.5,
            color="white" if shares[i, j] > 0.45 else ON_PALE,
        )


def draw_key(ax: Axes, name: str, colours: Mapping[str, str]) -> Axes:
    """Draw the key of one colouring: its name, then a dot and a text for every colour, in
    columns.
    """
    handles = [
        Line2D([], [], ls="", marker="o", ms=5, mew=0, color=colour, label=_shown(text))
        for text, colour in colours.items()
    ]
    key = ax.legend(
        handles=handles,
        loc="upper left",
        ncols=_key_columns(colours),
        title=name,
        alignment="left",
        borderaxespad=0,
        borderpad=0,
    )
    key.set_in_layout(False)
    ax.set_axis_off()
    return ax


def _key_columns(colours: Mapping[str, str]) -> int:
    longest = max(len(text) for text in colours)
    most = max(1, min(len(colours), 104 // (longest + 6), 8))
    # As many rows as that takes, filled evenly.
    return -(-len(colours) // -(-len(colours) // most))


def key_height(colours: Mapping[str, str]) -> float:
    """Inches: the title, the rows, a gap."""
    return 0.3 + 0.155 * -(-len(colours) // _key_columns(colours))
