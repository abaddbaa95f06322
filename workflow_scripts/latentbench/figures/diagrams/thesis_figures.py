"""The numbered figures of the thesis: diagrams of networks, and plates drawn from what the models
declare.
"""

from dataclasses import replace

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from latentbench.figures.diagrams.plate_layout import layout_of
from latentbench.figures.diagrams.plates import (
    KEY,
    draw_key,
    extent,
    plate_figure,
    plot_plate,
    wrapped,
)
from latentbench.figures.inputs import Inputs
from latentbench.figures.style import MUTED, WIDTH
from latentbench.models.declared import Factorisation, factorisation_of

COLUMNS = 3
TITLE, TEXT = 0.28, 0.62
"""Inches: the title above a panel, both factorisations below it."""


def mixture_plates() -> dict[str, Factorisation]:
    """Return the models of figure 4.1 by what sets them apart; a supervised training shows the
    class y, and changes nothing else of the model.
    """
    dirichlet = factorisation_of("gmvae_dirichlet")
    return {
        "mixture": factorisation_of("gmvae"),
        "with w": factorisation_of("gmvae_dilokthanakul"),
        "with w and the Dirichlet d": dirichlet,
        "supervised: y observed": replace(dirichlet, shown=frozenset({"y"})),
        "conditional on c": factorisation_of("gmvae_conditional"),
    }


def mixtures(given: Inputs) -> Figure:
    """Draw figure 4.1: the plates of the mixture models on one sheet, p and q on top of each other,
    all to one scale.
    """
    models = mixture_plates()
    layouts = {name: layout_of(model) for name, model in models.items()}
    extents = {name: extent(layout) for name, layout in layouts.items()}
    panel, n_rows = WIDTH / COLUMNS, -(-len(models) // COLUMNS)
    unit = min(0.94 * panel / (right - left) for left, _, right, _ in extents.values())
    drawing = unit * max(top - bottom for _, bottom, _, top in extents.values())
    row = TITLE + drawing + TEXT
    height = n_rows * row + KEY
    figure = plt.figure(figsize=(WIDTH, height), layout="none")
    for i, (name, model) in enumerate(models.items()):
        place, line = i % COLUMNS, i // COLUMNS
        # A row that is not full stands in the middle.
        of_row = min(COLUMNS, len(models) - line * COLUMNS)
        x = (WIDTH - of_row * panel) / 2 + place * panel
        y = height - (line + 1) * row + TEXT
        left, bottom, right, top = extents[name]
        ax = figure.add_axes((x / WIDTH, y / height, panel / WIDTH, drawing / height))
        middle, half = (left + right) / 2, panel / unit / 2
        ax.set(
            xlim=(middle - half, middle + half),
            ylim=((bottom + top - drawing / unit) / 2, (bottom + top + drawing / unit) / 2),
        )
        plot_plate(ax, model, layouts[name], ("p", "q"))
        centre = (x + panel / 2) / WIDTH
        figure.text(
            centre,
            (y + drawing + TITLE / 2) / height,
            name,
            ha="center",
            va="center",
            weight="bold",
            size=8.5,
        )
        figure.text(
            centre,
            (y - 0.04) / height,
            "\n".join(map(wrapped, model.texts)),
            ha="center",
            va="top",
            size=7,
            color=MUTED,
        )
    draw_key(figure.add_axes((0, 0, 1, KEY / height)))
    return figure


def vae(given: Inputs) -> Figure:
    """Draw figure 3.1: the plates of the variational autoencoder."""
    return plate_figure(factorisation_of("vae"))
