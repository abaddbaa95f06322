"""Figures of what networks make of images: reconstructions, draws from their priors, means of their
components, walks through their codes.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentbench.figures.inputs import Arrays, Inputs
from latentbench.figures.style import GRID, WIDTH, nothing_to_show

COLUMNS = 2
LEFT, INCHES_A_LETTER = 0.95, 0.068
"""Inches: the names of the rows of a sheet, at least; more for long ones."""

Images = Float[np.ndarray, "rows columns vars"]


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


def reconstructions(given: Inputs) -> Figure:
    """Draw test images above what every network gives back of them: a row for each network."""
    found = having(given, "reconstructions")
    if not found:
        return nothing_to_show("no network of this study has a replica that ended ok")
    rows = {"test images": next(iter(found.values()))["images"]}
    rows |= {model: arrays["reconstructions"] for model, arrays in found.items()}
    return _rows_figure(np.stack(list(rows.values())), list(rows), shape_of(found))


def heads(given: Inputs) -> Figure:
    """Draw what every mixture decodes at the means of its components: a row for each network, a
    column for each component.
    """
    found = having(given, "heads")
    if not found:
        return nothing_to_show("no network of this study has a prior of several components")
    most = max(len(arrays["heads"]) for arrays in found.values())
    rows = [
        np.pad(arrays["heads"], ((0, most - len(arrays["heads"])), (0, 0)), constant_values=np.nan)
        for arrays in found.values()
    ]
    return _rows_figure(np.stack(rows), list(found), shape_of(found))


def samples(given: Inputs) -> Figure:
    """Draw what every network with a prior draws from it: a column for each component, a row for
    each draw of what all components share.
    """
    found = having(given, "samples")
    if not found:
        return nothing_to_show("no network of this study has a prior over its codes")
    sheets = {model: arrays["samples"] for model, arrays in found.items()}
    return _sheets_figure(sheets, shape_of(found))


def traversals(given: Inputs) -> Figure:
    """Draw walks through the latent dimensions with the largest divergence from the prior: a row
    for each, its divergence in nats beside it.
    """
    found = having(given, "traversals")
    if not found:
        return nothing_to_show("no network has a divergence of its own for every latent dimension")
    names = {
        model: [
            f"z{dimension + 1}  {kl:.1f}"
            for dimension, kl in zip(arrays["dimensions"], arrays["kl"], strict=True)
        ]
        for model, arrays in found.items()
    }
    sheets = {model: arrays["traversals"] for model, arrays in found.items()}
    return _sheets_figure(sheets, shape_of(found), names=names)


def having(given: Inputs, name: str) -> dict[str, Arrays]:
    """Return what the networks decoded, of those that have this array."""
    decoded = given.arrays("decoded")
    return {model: arrays for model, arrays in decoded.items() if name in arrays}


def shape_of(found: Mapping[str, Arrays]) -> tuple[int, int]:
    """Return rows and columns of an image."""
    rows, columns = next(iter(found.values()))["shape"]
    return int(rows), int(columns)


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
