"""The figures of the study as the page shows them: each in its section, and all of them in the
list that a reader chooses from.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latentbench.figures.catalogue import FIGURES, Per, figure_of
from latentbench.figures.svg import inline_svg, shows_something
from latentbench.report.results import Results

Figure = dict[str, Any]


def placed(results: Results, section: str, dataset: str = "") -> list[Figure]:
    """Return the figures that a section shows, of the study or of one data set, each with its
    svg.
    """
    figures = of_dataset(results, dataset) if dataset else of_study(results)
    return [figure | {"svg": drawing(figure)} for figure in figures if figure["section"] == section]


def placed_by_dataset(results: Results, section: str) -> dict[str, list[Figure]]:
    """Return the figures that a section shows by data set, those data sets that have some."""
    found = {dataset: placed(results, section, dataset) for dataset in results.datasets}
    return {dataset: figures for dataset, figures in found.items() if figures}


def of_study(results: Results) -> list[Figure]:
    """Return what the page says of the figures of the whole study."""
    return figures_of("study", results.figures())


def of_dataset(results: Results, dataset: str) -> list[Figure]:
    """Return what the page says of the figures of a data set."""
    mapped = results.maps(dataset)["cell"].nunique()
    n_obs = results.prepared(dataset)["n_obs"]
    shown = f"{mapped} of {n_obs:,} cells".replace(",", "\u202f")
    shown = f"{shown}, a random subset" if mapped < n_obs else shown
    return figures_of("dataset", results.figures(dataset), of=dataset, shown=shown)


def plates(results: Results) -> list[Figure]:
    """Return the plate diagrams, each with its svg."""
    found = [
        figure_of("plates", "kind").described(kind) | {"path": path}
        for kind, path in results.figures("plates").items()
    ]
    return [figure | {"svg": drawing(figure)} for figure in found]


def figures_of(
    per: Per, paths: Mapping[str, str | Path], *, of: str = "", **facts: str
) -> list[Figure]:
    """Return what the page says of figures, given by name, in the order of the catalogue; those
    that have nothing to show are left out.

    ``of``: the data set; ``facts`` fill in titles and captions.

    Raises:
        ValueError: the catalogue has no such figure.
    """
    order = {figure.name: i for i, figure in enumerate(FIGURES) if figure.per == per}
    found = sorted((figure_of(name, per) for name in paths), key=lambda each: order[each.name])
    return [
        each.described(of, **facts) | {"path": paths[each.name]}
        for each in found
        if Path(paths[each.name]).suffix != ".svg" or shows_something(paths[each.name])
    ]


def drawing(figure: Figure) -> str:
    """Return the svg of a figure as markup for the page."""
    return inline_svg(figure["path"], prefix=figure["id"], title=figure["title"])
