"""The figure of both latents of the models that have two: means and samples of w and z, coloured by
class and by condition.
"""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from latentbench.figures.inputs import Inputs
from latentbench.figures.map_figures import (
    MANY_POINTS,
    draw_key,
    key_height,
    natural_order,
    plot_map,
)
from latentbench.figures.maps import lay_out
from latentbench.figures.style import WIDTH, label_colours, nothing_to_show, size_to_fit

LATENTS = {"mu_w": "mean of w", "w": "w", "mu_z": "mean of z", "z": "z"}
COLOURED_BY = {"label": "class", "condition": "condition"}


def two_latents_figure(
    latents: Mapping[str, Mapping[str, np.ndarray]], obs: pd.DataFrame
) -> Figure:
    """Draw mu_w, w, mu_z and z of every model, a row for each colouring; of more than two
    dimensions their first two principal components.

    ``latents``: by model, its arrays mu_w, w, mu_z, z and the ``cells`` they are of, places in
    ``obs``."""
    columns = [column for column in COLOURED_BY if column in obs and obs[column].notna().any()]
    if not latents or not columns:
        return nothing_to_show(
            "no model with a second latent w has a replica that ended ok, or the cells have neither"
            " class nor condition"
        )
    # A condition gets colours that no label of up to ten has.
    colours = {
        column: label_colours(
            natural_order(obs[column].dropna().astype(str)), first=0 if column == "label" else 10
        )
        for column in columns
    }
    heights = [0.1 + WIDTH / len(LATENTS)] * (len(columns) * len(latents)) + [
        key_height(colours[column]) for column in columns
    ]
    figure = plt.figure(figsize=(WIDTH, sum(heights)))
    grid = figure.add_gridspec(len(heights), len(LATENTS), height_ratios=heights)
    for m, (model, arrays) in enumerate(latents.items()):
        texts = {
            column: obs[column].iloc[arrays["cells"]].astype("string").to_numpy()
            for column in columns
        }
        for j, (name, title) in enumerate(LATENTS.items()):
            x, y = lay_out(arrays[name], layout="pca", seed=0).T
            points = pd.DataFrame({"x": x, "y": y, **texts})
            for c, column in enumerate(columns):
                ax = figure.add_subplot(grid[m * len(columns) + c, j])
                plot_map(
                    ax,
                    points,
                    column,
                    colours[column],
                    rasterized=len(latents) * len(LATENTS) * len(columns) * len(points)
                    > MANY_POINTS,
                )
                if c == 0:
                    ax.set_title(title, size=8)
                if j == 0:
                    ax.set_ylabel(
                        f"{model}\n{COLOURED_BY[column]}",
                        size=size_to_fit(model, 0.85 * WIDTH / len(LATENTS), size=8.0),
                    )
    for i, column in enumerate(columns):
        draw_key(
            figure.add_subplot(grid[len(heights) - len(columns) + i, :]),
            COLOURED_BY[column],
            colours[column],
        )
    return figure


def two_latents(given: Inputs) -> Figure:
    return two_latents_figure(given.arrays("latents"), given.obs)
