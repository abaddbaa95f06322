"""The figures of the page: where each is shown, and the list of all of them that a reader chooses
from.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from latentbench.figures.catalogue import FIGURES, Per, figure_of
from latentbench.figures.svg import inline_svg, shows_something

Figure = dict[str, Any]


def figures_of(
    per: Per, paths: Mapping[str, str | Path], *, of: str = "", **facts: str
) -> list[Figure]:
    """Return the figures whose svg files are given by name, in the order of the catalogue, those
    that show something; those that have a place in the page hold their svg.

    ``of``: the data set; ``facts`` fill in titles and captions.

    Raises:
        ValueError: the catalogue has no such figure.
    """
    order = [figure.name for figure in FIGURES if figure.per == per]
    found = sorted(
        (figure_of(name, per) for name in paths), key=lambda each: order.index(each.name)
    )
    return [
        _figure(each.described(of, **facts), paths[each.name])
        for each in found
        if shows_something(paths[each.name])
    ]


def plate_figures(paths: Mapping[str, str | Path]) -> list[Figure]:
    """Return the plate diagrams, given by kind."""
    return [
        _figure(figure_of("plates", "kind").described(kind), path) for kind, path in paths.items()
    ]


def figure_groups(
    study: Sequence[Figure],
    datasets: Mapping[str, Sequence[Figure]],
    plates: Sequence[Figure],
    thesis: Sequence[Figure],
) -> list[dict[str, Any]]:
    """Return all figures in groups: of the study, of each data set, of the models, and the numbered
    ones of the thesis.
    """
    groups = [
        ("The whole study", study),
        *datasets.items(),
        ("Models", plates),
        ("Numbered figures of the thesis", thesis),
    ]
    return [{"name": name, "figures": figures} for name, figures in groups if figures]


def _figure(figure: Figure, path: str | Path) -> Figure:
    drawn = inline_svg(path, prefix=figure["id"], title=figure["title"])
    return figure | {"svg": drawn if figure["section"] else None}
