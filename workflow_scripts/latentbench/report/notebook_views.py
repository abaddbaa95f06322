"""What the notebook of a data set shows: its cells call these and the figures, nothing else."""

from base64 import b64encode
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML
from matplotlib.figure import Figure

from latentbench.figures.dataset_figures import Material
from latentbench.figures.maps import gather_clusters
from latentbench.outcomes import Outcome
from latentbench.report.page_inputs import read_prepared
from latentbench.report.page_views import Row, dataset_row, score_rows
from latentbench.report.tables import (
    HEADLINE_METRICS,
    StudyTables,
    headline_clusterings,
    read_tables,
)


def read_material(
    dataset: str,
    table_paths: Mapping[str, str | Path],
    maps_path: str | Path,
    prepared_path: str | Path,
    cluster_paths: Mapping[str, str | Path],
    row: Mapping[str, Any],
) -> tuple[Material, Row]:
    """Return all that the notebook draws from, and the data set's row of the report."""
    tables = read_tables(table_paths).of_dataset(dataset)
    found = gather_clusters(prepared_path, cluster_paths, headline_clusterings(tables))
    return Material(tables, pd.read_parquet(maps_path), found), dataset_row(
        dataset, **read_prepared(prepared_path, row)
    )


def introduction(dataset: str, about: Row) -> str:
    """Return the opening paragraph in Markdown."""
    given = (
        "told to the models that need one"
        if about["n_clusters"] != "not declared"
        else "so clusterings had to find one"
    )
    return (
        f"# {_plain(dataset)}\n\n{about['n_obs']} cells × {about['n_vars']} variables"
        f" ({about['modality']}), {about['n_labels']} labels; number of clusters:"
        f" {about['n_clusters']}, {given}. Source: {_plain(about['source'])}."
        f" {_plain(about['citation'])}. Licence: {_plain(about['licence']) or 'not stated'}."
    )


def quality_table(about: Row) -> HTML:
    """Return the filters of preprocessing and what each counted."""
    rows = [filter_.rsplit(": ", 1) for filter_ in about["filters"]]
    return (
        _table(pd.DataFrame(rows, columns=["filter", "count"]))
        if rows
        else HTML("<p>No filter was applied.</p>")
    )


def scores_table(tables: StudyTables) -> HTML:
    """Return the table of scores, one row a model."""
    rows: list[dict[str, Any]] = []
    for row in score_rows(tables):
        metrics = {
            name: f"{cell['mean']} {cell['interval']}".strip()
            for name, cell in zip(HEADLINE_METRICS.values(), row["metrics"], strict=True)
        }
        rows.append(
            {
                "model": row["model"] + (" †" if row["saw_labels"] else ""),
                "clustering": row["clustering"],
                **metrics,
                "seeds": row["seeds"],
            }
        )
    return _table(pd.DataFrame(rows))


def status_table(tables: StudyTables) -> HTML:
    """Return how many replicas of each model ended how, with the first reason of those that did not
    end ok.
    """
    grouped = tables.status.groupby(["model", "status"], sort=True)
    counts = grouped.agg(
        replicas=("seed", "size"), reason=("reason", "first"), seconds=("seconds", "median")
    ).reset_index()
    counts["reason"] = counts["reason"].fillna("").where(counts["status"] != Outcome.OK, "")
    counts["seconds"] = counts["seconds"].map(
        lambda seconds: "–" if pd.isna(seconds) else f"{seconds:.2f}"
    )
    return _table(counts.rename(columns={"seconds": "seconds (median)"}))


def show(figure: Figure, *, dpi: int = 130) -> HTML:
    """Return a figure as an image and close it."""
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    plt.close(figure)
    return HTML(
        f'<img style="max-width:100%;width:{figure.get_figwidth() * 110:.0f}px"'
        f' src="data:image/png;base64,{b64encode(stream.getvalue()).decode()}">'
    )


def _table(frame: pd.DataFrame) -> HTML:
    return HTML(frame.to_html(index=False, border=0, escape=True))


def _plain(text: str) -> str:
    """Text of users' files, kept from being read as Markdown or HTML."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#|" else letter for letter in text)
