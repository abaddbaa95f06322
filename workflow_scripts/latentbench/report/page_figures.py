"""The figures of the page: where each is shown, and the list of all of them that a reader chooses
from.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from latentbench.figures.captions import PLATE, Caption, Scope, caption_of, described, names_of
from latentbench.figures.svg import inline_svg

Figure = dict[str, Any]


def figures_of(
    scope: Scope, paths: Mapping[str, str | Path], *, folder: str = "", **facts: str
) -> list[Figure]:
    """Return the figures whose svg files are given by name, in the order of their records; those
    that have a place in the page hold their svg.

    ``folder``: the part of their path between figures/ and their name; ``facts`` fill in titles and
    captions.

    Raises:
        ValueError: a figure has no record in figure_records.py.
    """
    order = names_of(scope)
    records = sorted(
        (caption_of(name, scope) for name in paths), key=lambda record: order.index(record.name)
    )
    return [
        _figure(record, paths[record.name], f"{folder}{record.name}", facts) for record in records
    ]


def plate_figures(paths: Mapping[str, str | Path]) -> list[Figure]:
    """Return the plate diagrams, given by kind."""
    return [_figure(PLATE, path, f"plates/{kind}", {"kind": kind}) for kind, path in paths.items()]


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


def _figure(record: Caption, path: str | Path, stem: str, facts: Mapping[str, str]) -> Figure:
    figure = described(record, stem=stem, **facts)
    return figure | {
        "svg": (
            inline_svg(path, prefix=figure["id"], title=figure["title"]) if record.section else None
        )
    }
