"""Diagrams of networks, units in columns from left to right: figures 2.1 to 2.4 of the thesis.
Those of figure 2.2 are the graphs that the theory checks.

Circle: a unit; box: a layer, or a network of its own; arrow: a weight, coloured where it skips a
layer; dotted line with a round head: the identity."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyBboxPatch

from latentbench.figures.diagrams.plate_layout import RADIUS, Point, curve_between, routed
from latentbench.figures.diagrams.strokes import draw_arrow, draw_round_headed
from latentbench.figures.inputs import Inputs
from latentbench.figures.style import INK, MODEL_COLOURS, MUTED, UNLABELLED, WIDTH
from latentbench.models.declared import Edge
from latentbench.theory.networks import (
    MARKED_WITHIN_LAYERS,
    STRICTLY_LAYERED,
    WITH_SKIPS,
    LayeredGraph,
)

INCHES_A_UNIT = 0.5
COLUMN, ROW = 2.4, 1.16
BENDS = tuple(side * height / 20 for height in range(13) for side in (-1, 1))
SKIP, MARKED = MODEL_COLOURS["ae"], MODEL_COLOURS["pca"]
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

Places = Mapping[str, Point]


def neuron(given: Inputs) -> Figure:
    """Draw figure 2.1, a neuron two ways: every step of what it computes, and the one circle that
    stands for it.
    """
    figure, ax = diagram(width=13.4, height=4.9)
    signals = {"x1": (0.0, 1.5), "x2": (0.0, 0.5), "x3": (0.0, -0.5), "1": (0.0, -1.5)}
    steps = {**signals, "Σ": (2.4, 0.0), "φ": (4.1, 0.0), "y": (5.8, 0.0)}
    draw_units(ax, steps)
    draw_weights(ax, steps, [(signal, "Σ") for signal in signals] + [("Σ", "φ"), ("φ", "y")])
    for signal, weight in zip(signals, ("w1", "w2", "w3", "b"), strict=True):
        (x, y), (end, _) = steps[signal], steps["Σ"]
        ax.text(
            x + 0.5 * (end - x),
            0.5 * y + 0.16,
            weight.translate(SUBSCRIPTS),
            ha="center",
            va="bottom",
            style="italic",
            size=8,
        )
    short = {"x1": (9.2, 1.0), "x2": (9.2, 0.0), "x3": (9.2, -1.0), "y": (11.6, 0.0)}
    draw_units(ax, short)
    draw_weights(ax, short, [(signal, "y") for signal in ("x1", "x2", "x3")])
    for middle, name in (
        (2.9, "every step: y = φ(w₁x₁ + w₂x₂ + w₃x₃ + b)"),
        (10.4, "the same neuron as one unit"),
    ):
        ax.text(middle, -2.35, name, ha="center", va="center", size=8, color=MUTED)
    return framed(figure, ax, left=-0.9, bottom=-2.7)


def layered(given: Inputs) -> Figure:
    """Draw figure 2.2: a strictly layered network above one with edges that skip a layer."""
    figure, ax = diagram(width=13.4, height=9.1)
    above = columns_of(STRICTLY_LAYERED.layers, at=(2.9, 3.9))
    below = columns_of(WITH_SKIPS.layers, at=(2.9, 0.0))
    for graph, places in ((STRICTLY_LAYERED, above), (WITH_SKIPS, below)):
        draw_units(ax, places)
        draw_weights(
            ax, places, sorted(graph.edges - graph.added - {MARKED_WITHIN_LAYERS}), colour=MUTED
        )
    marked = curve_between(*(below[unit] for unit in MARKED_WITHIN_LAYERS))
    for edge in sorted(WITH_SKIPS.added):
        draw_arrow(ax, routed(edge, below, [marked], bends=BENDS), colour=SKIP, width=1.5)
    draw_weights(ax, below, [MARKED_WITHIN_LAYERS], colour=MARKED, width=1.5)
    for y, graph in ((3.9, STRICTLY_LAYERED), (0.0, WITH_SKIPS)):
        ax.text(-0.5, y, "-".join(map(str, graph.sizes)), va="center", size=8.5, weight="bold")
    marks = {
        "edge of rule 5: skips a layer": SKIP,
        "marked in the thesis too: skips none": MARKED,
        "to the next layer": MUTED,
    }
    lines = [Line2D([], [], lw=1.5, color=colour, label=name) for name, colour in marks.items()]
    figure.legend(handles=lines, loc="lower center", ncols=len(lines))
    return framed(figure, ax, left=-0.7, bottom=-3.1)


def layers(given: Inputs) -> Figure:
    """Draw figure 2.3: a network of units, and below it the same network with one node for each
    layer.
    """
    graph = LayeredGraph((3, 4, 3, 2))
    figure, ax = diagram(width=13.4, height=7.2)
    units = columns_of(graph.layers, at=(2.4, 1.7))
    draw_units(ax, units)
    draw_weights(ax, units, sorted(graph.edges), colour=MUTED)
    layers = {layer[0][0]: (units[layer[0]][0], -1.9) for layer in graph.layers}
    for layer, size in zip(graph.layers, graph.sizes, strict=True):
        draw_box(ax, [units[unit] for unit in layer], margin=0.14)
        x, y = layers[layer[0][0]]
        ax.text(x, y - RADIUS - 0.14, f"{size} units", ha="center", va="top", size=7, color=MUTED)
    draw_units(ax, layers)
    draw_weights(ax, layers, pairwise(layers))
    for y, name in ((1.7, "units"), (-1.9, "layers")):
        ax.text(-0.5, y, name, va="center", size=8.5, weight="bold")
    return framed(figure, ax, left=-1.3, bottom=-2.95)


def autoencoder(given: Inputs) -> Figure:
    """Draw figure 2.4: an encoder and a decoder, two networks of their own, joined by the identity
    on the code.
    """
    sizes = (4, 3, 2)
    figure, ax = diagram(width=13.4, height=6.1)
    names = {"encoder": ("x", "h", "z"), "decoder": ("z", "g", "x̂")}
    codes = []
    for (network, letters), widths, left in zip(
        names.items(), (sizes, sizes[::-1]), (0.5, 7.0), strict=True
    ):
        layers = [
            [f"{letter}{i + 1}" for i in range(width)]
            for letter, width in zip(letters, widths, strict=True)
        ]
        places = columns_of(layers, at=(left, 0.0), column=2.0)
        draw_units(ax, places)
        draw_weights(
            ax,
            places,
            [(a, b) for layer, following in pairwise(layers) for a in layer for b in following],
            colour=MUTED,
        )
        draw_box(ax, list(places.values()), margin=0.35)
        ax.text(left + 2.0, 2.55, network, ha="center", va="bottom", size=8.5, weight="bold")
        codes.append(places)
    for unit in (f"z{i + 1}" for i in range(sizes[-1])):
        draw_round_headed(ax, curve_between(codes[0][unit], codes[1][unit]))
    ax.text(
        0.5 * (codes[0]["z1"][0] + codes[1]["z1"][0]),
        codes[0]["z1"][1] + 0.12,
        "identity",
        ha="center",
        va="bottom",
        size=7.5,
        color=MUTED,
    )
    return framed(figure, ax, left=-0.95, bottom=-2.7)


def columns_of(
    layers: Sequence[Sequence[str]], *, at: Point, column: float = COLUMN
) -> dict[str, Point]:
    """Return a place for every unit: a column for each layer, the first at ``at``, all of them
    centred on one height.
    """
    return {
        unit: (at[0] + column * i, at[1] + ROW * ((len(layer) - 1) / 2 - j))
        for i, layer in enumerate(layers)
        for j, unit in enumerate(layer)
    }


def draw_units(ax: Axes, places: Places) -> None:
    """Draw a circle with its name at every place."""
    for name, place in places.items():
        ax.add_patch(Circle(place, RADIUS, fc="none", ec=INK, lw=0.9))
        ax.text(
            *place,
            name.translate(SUBSCRIPTS) if len(name) > 1 else name,
            ha="center",
            va="center_baseline",
            size=9,
            style="italic",
        )


def draw_weights(
    ax: Axes, places: Places, edges: Iterable[Edge], *, colour: str = INK, width: float = 0.8
) -> None:
    """Draw a straight arrow for every edge."""
    for start, end in edges:
        draw_arrow(
            ax, curve_between(places[start], places[end]), colour=colour, width=width, head=0.16
        )


def draw_box(ax: Axes, places: Sequence[Point], *, margin: float) -> None:
    """Draw a rounded box around some units."""
    low, high = np.min(places, axis=0) - RADIUS - margin, np.max(places, axis=0) + RADIUS + margin
    ax.add_patch(
        FancyBboxPatch(
            tuple(low),
            *(high - low),
            boxstyle="round,pad=0,rounding_size=0.15",
            fill=False,
            ec=UNLABELLED,
            lw=0.8,
        )
    )


def diagram(*, width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of the text's width and its axes, which hold a drawing of ``width`` by
    ``height`` units.
    """
    unit = min(INCHES_A_UNIT, WIDTH / width)
    figure = plt.figure(figsize=(WIDTH, unit * height), layout="none")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH / unit), ylim=(0, height))
    ax.set_axis_off()
    return figure, ax


def framed(figure: Figure, ax: Axes, *, left: float, bottom: float) -> Figure:
    """Move the window of a diagram's axes so that its lower left corner lies at ``left`` and
    ``bottom``; return the figure.
    """
    width, height = (limits[1] - limits[0] for limits in (ax.get_xlim(), ax.get_ylim()))
    ax.set(xlim=(left, left + width), ylim=(bottom, bottom + height))
    return figure
