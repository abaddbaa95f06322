"""Where the nodes and edges of a plate diagram lie: layers of the generative graph, and curves that
keep clear of nodes and of each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from latentbench.models.declared import Edge, Factorisation

RADIUS = 0.36
GAP = 0.05
LAYER, COLUMN = 1.3, 1.5
NARROWEST = 1.7
BENDS = (0.0, 0.25, -0.25, 0.4, -0.4, 0.6, -0.6, 0.8, -0.8, 1.0, -1.0)
"""Heights of the curves that are tried, as shares of an edge's length."""

Point = tuple[float, float]
Curve = Float[np.ndarray, "_ 2"]
Points = Float[np.ndarray, "_ _ 2"]


@dataclass(frozen=True)
class Layout:
    """Places of the nodes, curves of the edges from border to border, and the rectangle of the
    plate (left, bottom, right, top).
    """

    places: dict[str, Point]
    p_curves: dict[Edge, Curve]
    q_curves: dict[Edge, Curve]
    plate: tuple[float, float, float, float]


def layout_of(model: Factorisation) -> Layout:
    """Lay out a model's nodes by the generative graph, and route the edges of both graphs."""
    places = _places(model)
    drawn: list[Curve] = []
    curves: list[dict[Edge, Curve]] = []
    for edges in (model.p_edges, model.q_edges):
        curves.append({})
        # Short edges first: they lie straight, and the long ones go round them.
        for edge in sorted(dict.fromkeys(edges), key=lambda edge: _length(places, edge)):
            curves[-1][edge] = routed(edge, places, drawn)
            drawn.append(curves[-1][edge])
    inside = [
        np.array([place]) for name, place in places.items() if name not in model.hyperparameters
    ]
    lines = [
        curve
        for group in curves
        for edge, curve in group.items()
        if edge[0] not in model.hyperparameters
    ]
    return Layout(places, curves[0], curves[1], _plate(inside, lines))


def _places(model: Factorisation) -> dict[str, Point]:
    covariates = sorted(model.observed - model.generated)
    aside = {*covariates, *model.hyperparameters}
    depth = _depths(model, aside)
    layers = [
        [name for name in _in_order(model) if depth.get(name) == level]
        for level in range(max(depth.values()) + 1)
    ]
    places = {
        name: (COLUMN * (i - (len(layer) - 1) / 2), -LAYER * level)
        for level, layer in enumerate(layers)
        for i, name in enumerate(layer)
    }
    xs = [x for x, _ in places.values()]
    left, right = min(xs), max(xs)
    children = {
        name: [
            places[child][1] for parent, child in (*model.p_edges, *model.q_edges) if parent == name
        ]
        for name in aside
    }
    for i, name in enumerate(covariates):
        side = left - COLUMN if i % 2 == 0 else right + COLUMN
        places[name] = (side, float(np.mean(children[name])) + 0.12 * LAYER)
    for name in sorted(model.hyperparameters):
        child = next(child for parent, child in model.p_edges if parent == name)
        x, y = places[child]
        places[name] = (x, y + LAYER) if depth[child] == 0 else (right + 1.15 * COLUMN, y)
    return places


def _depths(model: Factorisation, aside: set[str]) -> dict[str, int]:
    """Longest path from a root of the generative graph, roots pulled down to their children; what
    only q knows lies above what it is inferred from.
    """
    edges = [edge for edge in model.p_edges if edge[0] not in aside]
    nodes = [name for name in _in_order(model) if name not in aside]
    depth = dict.fromkeys(nodes, 0)
    for _ in nodes:
        for parent, child in edges:
            depth[child] = max(depth[child], depth[parent] + 1)
    for name in nodes:
        below = [depth[child] for parent, child in edges if parent == name]
        if below and not any(child == name for _, child in edges):
            depth[name] = min(below) - 1
        if not below and name not in model.generated:
            depth[name] = min(depth[parent] for parent, child in model.q_edges if child == name) - 1
    highest = min(depth.values())
    return {name: level - highest for name, level in depth.items()}


def _in_order(model: Factorisation) -> list[str]:
    return list(
        dict.fromkeys(
            name
            for factor in (*model.generative, *model.inference)
            for name in (*factor.variables, *factor.given)
        )
    )


def _length(places: dict[str, Point], edge: Edge) -> float:
    return float(np.hypot(*np.subtract(places[edge[1]], places[edge[0]])))


def routed(
    edge: Edge,
    places: Mapping[str, Point],
    drawn: Sequence[Curve],
    *,
    bends: Sequence[float] = BENDS,
) -> Curve:
    """Return the flattest curve that keeps clear of other nodes and of what is drawn already."""
    others = np.array([place for name, place in places.items() if name not in edge]).reshape(-1, 2)
    candidates = [curve_between(places[edge[0]], places[edge[1]], bend) for bend in bends]
    costs = [
        _cost(curve, bend, others, drawn) for curve, bend in zip(candidates, bends, strict=True)
    ]
    return candidates[int(np.argmin(costs))]


def curve_between(start: Point, end: Point, bend: float = 0.0) -> Curve:
    """Return a quadratic curve between two nodes, cut off at their borders; ``bend`` is its height
    as a share of their distance.
    """
    a, b = np.array(start), np.array(end)
    control = (a + b) / 2 + bend * np.array([-(b - a)[1], (b - a)[0]])
    t = np.linspace(0, 1, 400)[:, None]
    points = (1 - t) ** 2 * a + 2 * t * (1 - t) * control + t**2 * b
    outside = (np.hypot(*(points - a).T) > RADIUS + GAP) & (
        np.hypot(*(points - b).T) > RADIUS + GAP
    )
    return points[outside]


def _cost(
    curve: Curve, bend: float, others: Float[np.ndarray, "nodes 2"], drawn: Sequence[Curve]
) -> float:
    cost = abs(bend)
    if len(others):
        clear = np.hypot(*(curve[:, None] - others[None]).T).min(axis=1) - RADIUS
        cost += 40 * np.clip(0.16 - clear, 0, None).sum()
    for other in drawn:
        distance = np.hypot(*(curve[::8, None] - other[None, ::8]).T)
        ends = [
            np.hypot(*(one - another))
            for one in (curve[0], curve[-1])
            for another in (other[0], other[-1])
        ]
        cost += (
            5 * np.mean(distance.min(axis=0) < 0.17)
            + 0.8 * _crossings(curve[::20], other[::20])
            + 6 * np.clip(0.24 - np.array(ends), 0, None).sum()
        )
    return float(cost)


def _crossings(one: Curve, other: Curve) -> int:
    """Count the crossings of two polylines."""
    a, b = one[:-1, None], one[1:, None]
    c, d = other[None, :-1], other[None, 1:]
    return int(
        ((_side(a, b, c) * _side(a, b, d) < 0) & (_side(c, d, a) * _side(c, d, b) < 0)).sum()
    )


def _side(p: Points, q: Points, r: Points) -> Float[np.ndarray, "_ _"]:
    """Positive where r lies to the left of the line from p to q."""
    return (q - p)[..., 0] * (r - p)[..., 1] - (q - p)[..., 1] * (r - p)[..., 0]


def _plate(nodes: Sequence[Curve], lines: Sequence[Curve]) -> tuple[float, float, float, float]:
    centres, points = np.concatenate(nodes), np.concatenate(lines)
    low = np.minimum(centres.min(axis=0) - RADIUS - 0.24, points.min(axis=0) - 0.2)
    high = np.maximum(centres.max(axis=0) + RADIUS + 0.24, points.max(axis=0) + 0.2)
    widen = max(0.0, NARROWEST - (high[0] - low[0])) / 2
    low[0], high[0] = low[0] - widen, high[0] + widen
    return float(low[0]), float(low[1]) - 0.3, float(high[0]), float(high[1])
