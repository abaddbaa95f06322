"""Figures of what networks make of images: reconstructions, draws from their priors, means of their
components, walks through their codes, posteriors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentbench.figures.inputs import Inputs
from latentbench.figures.map_figures import (
    MANY_POINTS,
    draw_key,
    key_height,
    natural_order,
    plot_map,
)
from latentbench.figures.maps import Layout, lay_out
from latentbench.figures.style import (
    GRID,
    WIDTH,
    label_colours,
    model_order,
    nothing_to_show,
    size_to_fit,
)

COLUMNS = 2
LEFT, INCHES_A_LETTER = 0.95, 0.068
"""Inches: the names of the rows of a sheet, at least; more for long ones."""

Images = Float[np.ndarray, "rows columns vars"]


@dataclass(frozen=True)
class Decoded:
    """What the networks of one data set decoded, in the order of the study, and the cells' obs."""

    arrays: Mapping[str, Mapping[str, np.ndarray]]
    obs: pd.DataFrame

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of an image."""
        rows, columns = next(iter(self.arrays.values()))["shape"]
        return int(rows), int(columns)

    def having(self, name: str) -> dict[str, Mapping[str, np.ndarray]]:
        """Return the arrays of the networks that have this one."""
        return {model: arrays for model, arrays in self.arrays.items() if name in arrays}


def read_decoded(
    paths: Mapping[str, str | Path], kinds: Mapping[str, str], obs: pd.DataFrame
) -> Decoded:
    """Read what every network decoded, by model; one of which no replica ended ok is left out."""
    arrays = {}
    for model in model_order(kinds):
        with np.load(paths[model]) as stored:
            if stored.files:
                arrays[model] = dict(stored)
    return Decoded(arrays, obs)


def plot_images(ax: Axes, images: Images, shape: tuple[int, int]) -> Axes:
    """Draw a sheet of images, one pixel of paper between them; black is 0, white is 1."""
    rows, columns, _ = images.shape
    sheet = np.full((rows, shape[0] + 1, columns, shape[1] + 1), np.nan)
    sheet[:, :-1, :, :-1] = images.reshape(rows, columns, *shape).transpose(0, 2, 1, 3)
    whole = sheet.reshape(rows * (shape[0] + 1), columns * (shape[1] + 1))[:-1, :-1]
    colours = plt.get_cmap("gray").with_extremes(bad=GRID)
    ax.imshow(np.ma.masked_invalid(whole), cmap=colours, vmin=0, vmax=1, aspect="equal")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def reconstructions_figure(decoded: Decoded) -> Figure:
    """Draw test images above what every network gives back of them: a row for each network."""
    models = decoded.having("reconstructions")
    if not models:
        return nothing_to_show("no network of this study has a replica that ended ok")
    rows = [
        next(iter(models.values()))["images"],
        *(arrays["reconstructions"] for arrays in models.values()),
    ]
    return _rows_figure(np.stack(rows), ["test images", *models], decoded.shape)


def heads_figure(decoded: Decoded) -> Figure:
    """Draw what every mixture decodes at the means of its components: a row for each network, a
    column for each component.
    """
    models = decoded.having("heads")
    if not models:
        return nothing_to_show("no network of this study has a prior of several components")
    most = max(len(arrays["heads"]) for arrays in models.values())
    rows = [
        np.pad(arrays["heads"], ((0, most - len(arrays["heads"])), (0, 0)), constant_values=np.nan)
        for arrays in models.values()
    ]
    return _rows_figure(np.stack(rows), list(models), decoded.shape)


def samples_figure(decoded: Decoded) -> Figure:
    """Draw what every network with a prior draws from it: a column for each component, a row for
    each draw of what all components share.
    """
    models = decoded.having("samples")
    if not models:
        return nothing_to_show("no network of this study has a prior over its codes")
    return _sheets_figure(
        {model: arrays["samples"] for model, arrays in models.items()}, decoded.shape
    )


def traversals_figure(decoded: Decoded) -> Figure:
    """Draw walks through the latent dimensions with the largest divergence from the prior: a row
    for each, its divergence in nats beside it.
    """
    models = decoded.having("traversals")
    if not models:
        return nothing_to_show(
            "no network of this study has a divergence of its own for every latent dimension"
        )
    names = {
        model: [
            f"z{dimension + 1}  {kl:.1f}"
            for dimension, kl in zip(arrays["dimensions"], arrays["kl"], strict=True)
        ]
        for model, arrays in models.items()
    }
    return _sheets_figure(
        {model: arrays["traversals"] for model, arrays in models.items()},
        decoded.shape,
        names=names,
    )


def posteriors_figure(decoded: Decoded, *, layout: Layout, seed: int) -> Figure:
    """Draw, for every network with a posterior, a map of its means beside a map of one sample of
    each, coloured by truth.
    """
    models = decoded.having("code_samples")
    if not models:
        return nothing_to_show("no network of this study has a posterior over its codes")
    labels = (
        decoded.obs["label"]
        if "label" in decoded.obs
        else pd.Series(pd.NA, index=decoded.obs.index)
    )
    colours = label_colours(natural_order(labels.dropna().astype(str)))
    n_rows = -(-len(models) // 2)
    heights = [WIDTH / 4] * n_rows + ([key_height(colours)] if colours else [])
    figure = plt.figure(figsize=(WIDTH, sum(heights)))
    grid = figure.add_gridspec(len(heights), 4, height_ratios=heights)
    for i, (model, arrays) in enumerate(models.items()):
        cells = labels.iloc[arrays["cells"]].astype("string").to_numpy()
        for j, (name, codes) in enumerate(
            (("means", arrays["code_means"]), ("samples", arrays["code_samples"]))
        ):
            ax = figure.add_subplot(grid[i // 2, 2 * (i % 2) + j])
            x, y = lay_out(codes, layout=layout, seed=seed).T
            plot_map(
                ax,
                pd.DataFrame({"x": x, "y": y, "label": cells}),
                "label",
                colours,
                rasterized=2 * len(models) * len(x) > MANY_POINTS,
            )
            title = f"{model}, {name}"
            ax.set_title(title, weight="bold", size=size_to_fit(title, 0.92 * WIDTH / 4, size=8.5))
    if colours:
        draw_key(figure.add_subplot(grid[n_rows, :]), "truth", colours)
    return figure


def _rows_figure(images: Images, names: Sequence[str], shape: tuple[int, int]) -> Figure:
    """Return one sheet across the page, a name beside every row."""
    n_rows, n_columns, _ = images.shape
    ratio = (n_rows * (shape[0] + 1)) / (n_columns * (shape[1] + 1))
    left = max(LEFT, INCHES_A_LETTER * max(map(len, names)))
    width = min(WIDTH - left - 0.1, 0.55 * n_columns)
    height = width * ratio
    whole = left + width + 0.1
    figure = plt.figure(figsize=(whole, height + 0.1), layout="none")
    ax = figure.add_axes(
        (left / whole, 0.05 / (height + 0.1), width / whole, height / (height + 0.1))
    )
    _name_rows(plot_images(ax, images, shape), names, shape)
    return figure


def _sheets_figure(
    sheets: Mapping[str, Images],
    shape: tuple[int, int],
    names: Mapping[str, Sequence[str]] | None = None,
) -> Figure:
    """Return a sheet for every network, two beside each other."""
    n_rows = -(-len(sheets) // COLUMNS)
    tallest = max(
        images.shape[0] * (shape[0] + 1) / (images.shape[1] * (shape[1] + 1))
        for images in sheets.values()
    )
    figure, axes = plt.subplots(
        n_rows,
        COLUMNS,
        figsize=(WIDTH, n_rows * (0.25 + tallest * (WIDTH / COLUMNS - (0.6 if names else 0.1)))),
        squeeze=False,
    )
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, (model, images) in zip(axes.flat, sheets.items(), strict=False):
        ax.set_axis_on()
        plot_images(ax, images, shape)
        ax.set_title(model, weight="bold")
        if names:
            _name_rows(ax, names[model], shape)
    return figure


def _name_rows(ax: Axes, names: Sequence[str], shape: tuple[int, int]) -> None:
    ax.set_yticks([(i + 0.5) * (shape[0] + 1) - 1 for i in range(len(names))], names)
    ax.tick_params(length=0)


def reconstructions(given: Inputs) -> Figure:
    return reconstructions_figure(Decoded(given.arrays("decoded"), given.obs))


def samples(given: Inputs) -> Figure:
    return samples_figure(Decoded(given.arrays("decoded"), given.obs))


def heads(given: Inputs) -> Figure:
    return heads_figure(Decoded(given.arrays("decoded"), given.obs))


def traversals(given: Inputs) -> Figure:
    return traversals_figure(Decoded(given.arrays("decoded"), given.obs))


def posteriors(given: Inputs) -> Figure:
    options = {"layout": "tsne", "seed": 0, **given.options}
    return posteriors_figure(
        Decoded(given.arrays("decoded"), given.obs), layout=options["layout"], seed=options["seed"]
    )
