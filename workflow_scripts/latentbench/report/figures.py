"""The figures of the study as the page shows them: each in its section, and all of them in the
list that a reader chooses from.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latentbench.figures.captions import PLATE, Caption, Scope, caption_of, described, names_of
from latentbench.figures.svg import inline_svg
from latentbench.report.results import Results

Figure = dict[str, Any]
AGAINST_LABELS = ("scores", "confusion", "calibration")
"""The figures of a data set that hold clusters against labels."""


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
    """Return what the page says of the figures of the whole study, those that apply to it."""
    labelled = any(results.has_labels(dataset) for dataset in results.datasets)
    applies = {"ranks": results.has_ranks, "scores": labelled}
    paths = results.figures()
    return figures_of("study", {name: paths[name] for name in paths if applies.get(name, True)})


def of_dataset(results: Results, dataset: str) -> list[Figure]:
    """Return what the page says of the figures of a data set, those that apply to it."""
    paths = results.figures(dataset)
    if not results.has_labels(dataset):
        paths = {name: path for name, path in paths.items() if name not in AGAINST_LABELS}
    mapped = results.maps(dataset)["cell"].nunique()
    n_obs = results.prepared(dataset)["n_obs"]
    shown = f"{mapped} of {n_obs:,} cells".replace(",", "\u202f")
    facts = {
        "dataset": dataset,
        "shown": f"{shown}, a random subset" if mapped < n_obs else shown,
    }
    return figures_of("dataset", paths, folder=f"{dataset}/", **facts)


def plates(results: Results) -> list[Figure]:
    """Return the plate diagrams, each with its svg."""
    found = [
        described(PLATE, stem=f"plates/{kind}", kind=kind) | {"path": path}
        for kind, path in results.figures("plates").items()
    ]
    return [figure | {"svg": drawing(figure)} for figure in found]


def figures_of(
    scope: Scope, paths: Mapping[str, str | Path], *, folder: str = "", **facts: str
) -> list[Figure]:
    """Return what the page says of figures, given by name, in the order of their records.

    ``folder``: the part of their path between figures/ and their name; ``facts`` fill in titles and
    captions.

    Raises:
        ValueError: a figure has no record.
    """
    order = names_of(scope)
    records: list[Caption] = sorted(
        (caption_of(name, scope) for name in paths), key=lambda record: order.index(record.name)
    )
    return [
        described(record, stem=f"{folder}{record.name}", **facts) | {"path": paths[record.name]}
        for record in records
    ]


def drawing(figure: Figure) -> str:
    """Return the svg of a figure as markup for the page."""
    return inline_svg(figure["path"], prefix=figure["id"], title=figure["title"])
