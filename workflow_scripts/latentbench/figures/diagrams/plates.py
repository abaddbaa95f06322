"""Plate diagrams, drawn from what a model declares, so that code and picture cannot disagree.

Circle: random variable; double circle: computed from others; square: hyperparameter; shaded:
observed; solid arrow: generative p; dotted line with a round head: inference q. The rectangle is
repeated for every cell."""

import textwrap
from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Polygon, Rectangle

from latentbench.figures.diagrams.plate_layout import RADIUS, Curve, Layout, Point, layout_of
from latentbench.figures.diagrams.strokes import draw_arrow, draw_round_headed
from latentbench.figures.inputs import Inputs
from latentbench.figures.style import GRID, INK, MUTED, WIDTH
from latentbench.models.declared import Edge, Factorisation, factorisation_of

SYMBOLS = {"alpha": "α"}
PANELS = {"generative p": ("p",), "inference q": ("q",), "both": ("p", "q")}
INCHES_A_UNIT = 0.42
ABOVE, BELOW, KEY = 0.3, 0.42, 0.34
"""Inches: the title above a panel, the factorisation below it, the key at the bottom."""


def plates(given: Inputs) -> Figure:
    """Draw the plates of the kind that is given."""
    return plate_figure(factorisation_of(given.of))


def plate_figure(model: Factorisation) -> Figure:
    """Draw the generative graph, the inference graph and both on top of each other, nodes in the
    same places.
    """
    layout = layout_of(model)
    left, bottom, right, top = extent(layout)
    panel = WIDTH / len(PANELS)
    unit = min(INCHES_A_UNIT, 0.94 * panel / (right - left))
    drawing = unit * (top - bottom)
    height = ABOVE + drawing + BELOW + KEY
    figure = plt.figure(figsize=(WIDTH, height), layout="none")
    for i, (title, shown) in enumerate(PANELS.items()):
        ax = figure.add_axes(
            (i / len(PANELS), (KEY + BELOW) / height, 1 / len(PANELS), drawing / height)
        )
        middle, half = (left + right) / 2, panel / unit / 2
        ax.set(xlim=(middle - half, middle + half), ylim=(bottom, top))
        plot_plate(ax, model, layout, shown)
        figure.text(
            (i + 0.5) / len(PANELS),
            1 - 0.5 * ABOVE / height,
            title,
            ha="center",
            va="center",
            weight="bold",
            size=8.5,
        )
        text = model.texts[i] if i < len(model.texts) else ""
        figure.text(
            (i + 0.5) / len(PANELS),
            (KEY + BELOW - 0.05) / height,
            wrapped(text),
            ha="center",
            va="top",
            size=7,
            color=MUTED,
        )
    draw_key(figure.add_axes((0, 0, 1, KEY / height)))
    return figure


def plot_plate(ax: Axes, model: Factorisation, layout: Layout, shown: tuple[str, ...]) -> Axes:
    """Draw the nodes, the plate and the edges of the graphs ``shown`` (``"p"``, ``"q"``) on axes of
    equal scales.
    """
    left, bottom, right, top = layout.plate
    ax.add_patch(
        FancyBboxPatch(
            (left, bottom),
            right - left,
            top - bottom,
            boxstyle="round,pad=0,rounding_size=0.15",
            fill=False,
            ec=MUTED,
            lw=0.7,
        )
    )
    ax.text(
        right - 0.12, bottom + 0.1, "every cell", ha="right", va="bottom", size=6.5, color=MUTED
    )
    for name, place in layout.places.items():
        if name in named_by(model, shown):
            _draw_node(ax, name, place, model)
    if "p" in shown:
        _draw_edges(ax, layout.p_curves, dotted=False)
    if "q" in shown:
        _draw_edges(ax, layout.q_curves, dotted=True)
    ax.set_axis_off()
    return ax


def named_by(model: Factorisation, shown: tuple[str, ...]) -> set[str]:
    """Return the variables that the graphs ``shown`` name."""
    factors = [
        factor
        for which, factors in (("p", model.generative), ("q", model.inference))
        if which in shown
        for factor in factors
    ]
    return {name for factor in factors for name in (*factor.variables, *factor.given)}


def _draw_node(ax: Axes, name: str, place: Point, model: Factorisation) -> None:
    face = GRID if name in model.observed else "none"
    style = {"fc": face, "ec": INK, "lw": 0.9}
    if name in model.hyperparameters:
        side = 1.5 * RADIUS
        ax.add_patch(Rectangle((place[0] - side / 2, place[1] - side / 2), side, side, **style))
    else:
        ax.add_patch(Circle(place, RADIUS, **style))
        if name in model.computed:
            ax.add_patch(Circle(place, RADIUS - 0.07, fill=False, ec=INK, lw=0.7))
    ax.text(
        *place, SYMBOLS.get(name, name), ha="center", va="center_baseline", size=10, style="italic"
    )


def _draw_edges(ax: Axes, curves: Mapping[Edge, Curve], *, dotted: bool) -> None:
    for curve in curves.values():
        if dotted:
            draw_round_headed(ax, curve)
        else:
            draw_arrow(ax, curve)


def draw_key(ax: Axes) -> None:
    """The key in one line, in inches."""
    ax.set(xlim=(0, WIDTH), ylim=(0, KEY))
    ax.set_axis_off()
    y, radius = 0.17, 0.065
    x = 0.3
    for name, width in (
        ("random", 0.75),
        ("observed", 0.87),
        ("computed", 0.9),
        ("hyperparameter", 1.18),
    ):
        if name == "hyperparameter":
            ax.add_patch(
                Rectangle(
                    (x - radius, y - radius), 2 * radius, 2 * radius, fill=False, ec=INK, lw=0.8
                )
            )
        else:
            ax.add_patch(
                Circle((x, y), radius, fc=GRID if name == "observed" else "none", ec=INK, lw=0.8)
            )
        if name == "computed":
            ax.add_patch(Circle((x, y), 0.6 * radius, fill=False, ec=INK, lw=0.6))
        ax.text(x + 0.12, y, name, va="center_baseline", size=7)
        x += width
    ax.plot([x - 0.05, x + 0.2], [y, y], "-", lw=0.9, color=INK)
    ax.add_patch(
        Polygon(
            [(x + 0.28, y), (x + 0.19, y + 0.037), (x + 0.19, y - 0.037)],
            closed=True,
            fc=INK,
            ec="none",
        )
    )
    ax.text(x + 0.35, y, "generative p", va="center_baseline", size=7)
    x += 1.25
    ax.plot(
        [x - 0.05, x + 0.2], [y, y], lw=1.0, color=INK, ls=(0, (0.8, 1.8)), dash_capstyle="round"
    )
    ax.add_patch(Circle((x + 0.25, y), 0.032, fc=INK, ec="none"))
    ax.text(x + 0.35, y, "inference q", va="center_baseline", size=7)


def extent(layout: Layout) -> tuple[float, float, float, float]:
    """The plate, and what lies outside it."""
    left, bottom, right, top = layout.plate
    xs, ys = zip(*layout.places.values(), strict=True)
    margin = RADIUS + 0.12
    return (
        min(left - 0.1, min(xs) - margin),
        bottom - 0.1,
        max(right + 0.1, max(xs) + margin),
        max(top + 0.1, max(ys) + margin),
    )


def wrapped(text: str) -> str:
    for name, symbol in SYMBOLS.items():
        text = text.replace(name, symbol)
    return "\n".join(textwrap.wrap(text, 42))
