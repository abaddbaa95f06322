"""The data sets: size, filters and what they counted, and, from the data sheet, where they are
from.
"""

from typing import Any

from latentbench.report.cells import Cell, number
from latentbench.report.results import Results
from latentbench.report.sections import Section


def view(results: Results) -> dict[str, Any]:
    """Return a row for every data set, and which columns have something to say."""
    rows = [dataset_row(results, dataset) for dataset in results.datasets]
    return {
        "rows": rows,
        "labelled": any(row["n_labels"] for row in rows),
        "declared": any(row["n_clusters"] for row in rows),
        "notebooks": {dataset for dataset in results.datasets if results.has(notebook(dataset))},
    }


def dataset_row(results: Results, dataset: str) -> dict[str, Any]:
    """Return one data set as readers see it: sizes as texts, filters with their counts, and its
    origin.
    """
    prepared = results.prepared(dataset)
    about = prepared["about"]
    filters = about.get("filters", {})
    return {
        **results.origin(dataset),
        "modality": str(about.get("modality", "")),
        "n_obs": number(prepared["n_obs"]).text,
        "n_vars": number(prepared["n_vars"]).text,
        "n_labels": prepared["n_labels"],
        "circular": results.is_circular(dataset),
        "n_clusters": results.n_clusters(dataset),
        "preset": str(about.get("preset", "")),
        "filters": {
            name.replace("_", " "): _shown(count) for name, count in sorted(filters.items())
        },
        "sha256": str(about.get("sha256", "") or ""),
    }


def notebook(dataset: str) -> str:
    """Return the name of the notebook of a data set."""
    return f"notebooks/{dataset}.html"


def _shown(count: Any) -> str:
    shown = number(count) if isinstance(count, int) else Cell(str(count))
    return shown.text


SECTION = Section(160, "Data", view, heading="Data sets")
