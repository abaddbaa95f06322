"""Maps of the cells: of every model's embedding, of posteriors, of both latents."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scanpy as sc
from anndata import AnnData
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from latentbench.figures.inputs import Inputs
from latentbench.figures.maps import cluster_colours, lay_out
from latentbench.figures.style import (
    UNLABELLED,
    WIDTH,
    label_colours,
    natural_order,
    nothing_to_show,
    size_to_fit,
)

COLUMNS_OF_MAPS = 4
MANY_POINTS = 5000
COLOURED_BY = {"label": "truth", "cluster": "clusters", "batch": "batch", "condition": "condition"}
GROUPS = {"label": "class", "condition": "condition"}
LATENTS = {"mu_w": "mean of w", "w": "w", "mu_z": "mean of z", "z": "z"}


def plot_map(
    ax: Axes, points: pd.DataFrame, column: str, colours: Mapping[str, str], *, rasterized: bool
) -> Axes:
    """Draw one map: columns x and y, coloured by the texts of ``column``; cells without one are
    grey and lie behind.
    """
    # A fixed shuffle of the drawing order: no group is hidden behind the one that happens to come
    # last in the table.
    order = np.random.default_rng(0).permutation(len(points))
    order = order[np.argsort(points[column].notna().to_numpy()[order], kind="stable")]
    texts = pd.Categorical(points[column].astype("object").iloc[order])
    cells = AnnData(
        obs=pd.DataFrame({column: texts}, index=order.astype(str)),
        obsm={"X_map": points[["x", "y"]].to_numpy(dtype=np.float64)[order]},
    )
    sc.pl.embedding(
        cells,
        "map",
        color=column,
        palette=[colours.get(str(text), UNLABELLED) for text in texts.categories] or None,
        na_color=UNLABELLED,
        marker="o",
        size=float(np.clip(2600 / max(len(points), 1), 0.8, 7)),
        legend_loc=None,
        title="",
        ax=ax,
        show=False,
    )
    for cloud in ax.collections:
        cloud.set_rasterized(rasterized)
    ax.set_axis_on()
    ax.set(xlabel="", ylabel="", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_box_aspect(1)
    return ax


def maps(given: Inputs) -> Figure:
    """Draw the maps of all models of one data set: one row coloured by truth, one by clusters, and
    by batch and condition where the data has them.
    """
    table = given.frame("maps")
    models = [model for model in given.colours if model in set(table["model"])]
    if not models:
        return nothing_to_show("no model of this study has an embedding to show")
    columns = [column for column in COLOURED_BY if table[column].notna().any()]
    blocks = [models[i : i + COLUMNS_OF_MAPS] for i in range(0, len(models), COLUMNS_OF_MAPS)]
    colours = {column: colours_of(table, column) for column in columns}
    rows = [(block, column) for block in blocks for column in columns]
    keys = {COLOURED_BY[c]: colours[c] for c in columns if c != "cluster"}
    figure, axes = _grid(len(rows), COLUMNS_OF_MAPS, keys)
    many = len(table) * len(columns) > MANY_POINTS
    for row, (block, column) in zip(axes, rows, strict=True):
        for ax, model in zip(row, block, strict=False):
            points, shades = table[table["model"] == model], colours[column]
            if column == "cluster" and "label" in columns:
                shades = cluster_colours(points, colours["label"])
            plot_map(ax, points, column, shades, rasterized=many)
            if column == columns[0]:
                size = size_to_fit(model, 0.92 * WIDTH / COLUMNS_OF_MAPS, size=8.5)
                ax.set_title(model, weight="bold", size=size)
        row[0].set_ylabel(COLOURED_BY[column])
    return figure


def posteriors(given: Inputs) -> Figure:
    """Draw, for every network with a posterior, a map of its means beside a map of one sample of
    each, coloured by truth.
    """
    models = {m: found for m, found in given.arrays("decoded").items() if "code_samples" in found}
    if not models:
        return nothing_to_show("no network of this study has a posterior over its codes")
    obs = given.obs.assign(label=given.obs.get("label", pd.NA))
    colours = colours_of(obs, "label")
    figure, axes = _grid(-(-len(models) // 2), 4, {"truth": colours} if colours else {})
    layout, seed = given.options.get("layout", "tsne"), given.options.get("seed", 0)
    shown = [(m, arrays, name) for m, arrays in models.items() for name in ("means", "samples")]
    for ax, (model, arrays, name) in zip(axes.flat, shown, strict=False):
        x, y = lay_out(arrays[f"code_{name}"], layout=layout, seed=seed).T
        points = obs.iloc[arrays["cells"]].assign(x=x, y=y)
        plot_map(ax, points, "label", colours, rasterized=len(shown) * len(x) > MANY_POINTS)
        title = f"{model}, {name}"
        ax.set_title(title, weight="bold", size=size_to_fit(title, 0.92 * WIDTH / 4, size=8.5))
    return figure


def two_latents(given: Inputs) -> Figure:
    """Draw mu_w, w, mu_z and z of every model, a row for each colouring; of more than two
    dimensions their first two principal components.
    """
    found, obs = given.arrays("latents"), given.obs
    columns = [column for column in GROUPS if column in obs and obs[column].notna().any()]
    if not found or not columns:
        return nothing_to_show("no model with a second latent w has a replica that ended ok")
    colours = {column: colours_of(obs, column) for column in columns}
    keys = {GROUPS[column]: colours[column] for column in columns}
    rows = [(model, column) for model in found for column in columns]
    figure, axes = _grid(len(rows), len(LATENTS), keys)
    for row, (model, column) in zip(axes, rows, strict=True):
        for ax, (name, title) in zip(row, LATENTS.items(), strict=True):
            x, y = lay_out(found[model][name], layout="pca", seed=0).T
            points = obs.iloc[found[model]["cells"]].assign(x=x, y=y)
            many = axes.size * len(points) > MANY_POINTS
            plot_map(ax, points, column, colours[column], rasterized=many)
            if column == columns[0]:
                ax.set_title(title, size=8)
        size = size_to_fit(model, 0.85 * WIDTH / len(LATENTS), size=8.0)
        row[0].set_ylabel(f"{model}\n{GROUPS[column]}", size=size)
    return figure


def colours_of(table: pd.DataFrame, column: str) -> dict[str, str]:
    """Return a colour for every text of a column; what is neither label nor cluster gets colours
    that no label of up to ten has.
    """
    texts = natural_order(table[column].dropna().astype(str))
    return label_colours(texts, first=0 if column in ("label", "cluster") else 10)


def _grid(
    n_rows: int, n_columns: int, keys: Mapping[str, Mapping[str, str]]
) -> tuple[Figure, np.ndarray]:
    """Return a grid of square panels, turned off until something is drawn in them, and below it the
    keys of the colours.
    """
    heights = [0.05 + WIDTH / n_columns] * n_rows + [key_height(each) for each in keys.values()]
    figure = plt.figure(figsize=(WIDTH, sum(heights)))
    grid = figure.add_gridspec(len(heights), n_columns, height_ratios=heights)
    axes = np.array(
        [[figure.add_subplot(grid[i, j]) for j in range(n_columns)] for i in range(n_rows)]
    )
    for ax in axes.flat:
        ax.set_axis_off()
    for i, (name, colours) in enumerate(keys.items()):
        draw_key(figure.add_subplot(grid[n_rows + i, :]), name, colours)
    return figure, axes


def _shown(text: str) -> str:
    """A legend leaves out what begins with an underscore; a hair space keeps it."""
    return f"\u200a{text}" if text.startswith("_") else text


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
