"""Networks as graphs, labels as rows, and what one hidden layer can fit.

one-hot row of class k: e_k with entries delta_jk; a relaxed row has entries in (0, 1) that sum to
    one     (def 2.3)
strictly layered: every edge joins a layer to the next one, so rule 5 (an edge that skips) was not
    used    (def 2.6)
|f(x) - sum_i a_i relu(x - t_i) - c| <= h^2 / 8 max |f''| for knots at distance h
    (universality)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from latentbench.theory.checks import Check, at_most, equal


@dataclass(frozen=True)
class LayeredGraph:
    """Layers of units, every unit joined to all of the next layer, and the edges that rule 5
    added.
    """

    sizes: Sequence[int]
    added: frozenset[tuple[str, str]] = frozenset()

    @property
    def layers(self) -> list[list[str]]:
        """Names of the units: x1, x2 ..., y1 ..."""
        return [
            [f"{letter}{i + 1}" for i in range(size)]
            for letter, size in zip("xyzw", self.sizes, strict=True)
        ]

    @property
    def edges(self) -> set[tuple[str, str]]:
        """All edges, of both kinds."""
        dense = {
            (a, b)
            for layer, following in zip(self.layers, self.layers[1:], strict=False)
            for a in layer
            for b in following
        }
        return dense | self.added


STRICTLY_LAYERED = LayeredGraph((2, 3, 2, 2))
WITH_SKIPS = LayeredGraph(
    (3, 3, 3, 3), frozenset({("x1", "z2"), ("x2", "z1"), ("x3", "z3"), ("y1", "w3")})
)
"""The two networks of figure 2.2."""
MARKED_WITHIN_LAYERS = ("z3", "w3")
"""The figure's fifth marked edge: it joins neighbouring layers, skips none, and is one of the
dense edges."""


def checks() -> list[Check]:
    """Check definitions 2.3 and 2.6 and the fit by one hidden layer."""
    rng = np.random.default_rng(0)
    return [
        *onehot_checks(rng.integers(5, size=40), rng.standard_normal((40, 5))),
        layering_check("figure 2.2, above: 2-3-2-2", STRICTLY_LAYERED),
        layering_check("figure 2.2, below: 3-3-3-3 with skips", WITH_SKIPS),
        *universality_checks((4, 16, 64)),
    ]


def onehot_checks(
    labels: Int[np.ndarray, " obs"], logits: Float[np.ndarray, "obs clusters"]
) -> list[Check]:
    """Check definition 2.3 on given labels, and on rows relaxed by a softmax."""
    n_clusters = logits.shape[1]
    onehot = np.eye(n_clusters)[labels]
    delta = np.array([[float(j == k) for j in range(n_clusters)] for k in labels])
    relaxed = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    sharp = np.exp(200 * (logits - logits.max(axis=1, keepdims=True)))
    return [
        equal("def 2.3", "the row of class k has entries delta_jk", onehot, delta),
        equal("def 2.3", "one-hot rows sum to one", onehot.sum(axis=1), np.ones(len(labels))),
        equal("def 2.3", "relaxed rows sum to one", relaxed.sum(axis=1), np.ones(len(labels))),
        at_most("def 2.3", "relaxed entries are above zero", 0.0, relaxed.min(), tolerance=0.0),
        equal(
            "def 2.3",
            "at a vanishing temperature a relaxed row is one-hot",
            sharp.max(axis=1),
            np.ones(len(labels)),
        ),
    ]


def layering_check(name: str, graph: LayeredGraph) -> Check:
    """Check definition 2.6: the edges that do not end one step below their start, by depth alone,
    are those that rule 5 added.
    """
    depth = depths(graph.edges)
    skipping = {(a, b) for a, b in graph.edges if depth[b] != depth[a] + 1}
    says = f"the edges that break the strict layers are those that rule 5 added; {name}"
    return Check(
        "def 2.6",
        says,
        float(len(skipping)),
        "=",
        float(len(graph.added)),
        float(len(skipping ^ graph.added)),
        0.0,
    )


def depths(edges: Iterable[tuple[str, str]]) -> Mapping[str, int]:
    """Return the length of the longest path to every node of an acyclic graph.

    Raises:
        ValueError: the graph has a cycle.
    """
    edges = set(edges)
    depth = dict.fromkeys({node for edge in edges for node in edge}, 0)
    for _ in range(len(depth)):
        longer = {
            b: depth[a] + 1
            for a, b in sorted(edges, key=lambda edge: depth[edge[0]])
            if depth[b] <= depth[a]
        }
        if not longer:
            return depth
        depth |= longer
    raise ValueError("the graph has a cycle")


def universality_checks(widths: Sequence[int]) -> list[Check]:
    """Fit sin on [-pi, pi] by one hidden layer of rectified units, output weights by least squares:
    the error falls below the bound of every width.
    """
    x = np.linspace(-np.pi, np.pi, 2001)
    checks = []
    for width in widths:
        knots = np.linspace(-np.pi, np.pi, width + 1)[:-1]
        hidden = np.hstack([np.maximum(x[:, None] - knots, 0), np.ones((len(x), 1))])
        fitted = hidden @ np.linalg.lstsq(hidden, np.sin(x), rcond=None)[0]
        error = float(np.sqrt(np.mean((np.sin(x) - fitted) ** 2)))
        bound = (2 * np.pi / width) ** 2 / 8
        checks.append(
            at_most(
                "universality",
                f"{width} hidden units fit sin to within h^2 / 8 (root mean square)",
                error,
                bound,
                tolerance=0.0,
            )
        )
    return checks
