"""What the chapters of the thesis show: their notebooks call these, nothing else. Whatever depends
on the results is worded here, from the tables.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd
from IPython.display import HTML

from latentbench.figures.prediction_figures import METRIC_NAMES
from latentbench.outcomes import Outcome
from latentbench.report.notebook_views import scores_table
from latentbench.report.page_views import Row, theory_rows
from latentbench.report.published_views import (
    STANDINGS,
    counted_sentence,
    counts_of,
    published_rows,
)
from latentbench.report.tables import StudyTables, read_tables

VERDICTS = {"above": "Above", "within": "Not distinguishable from", "below": "Below"}


@dataclass(frozen=True)
class Chapter:
    """All that a chapter may show: the study's tables, all published results, the theory's checks,
    the predictions' summary if there are any, and figures (name -> png)."""

    name: str
    datasets: Sequence[str]
    tables: StudyTables
    all_published: pd.DataFrame
    theory: pd.DataFrame
    predictions: pd.DataFrame | None
    figures: Mapping[str, Path]

    @property
    def published(self) -> pd.DataFrame:
        """The published results that belong to this chapter."""
        return self.all_published[self.all_published["chapter"] == self.name]


def read_chapter(chapter: str, datasets: Sequence[str], paths: Mapping) -> Chapter:
    """Read what a chapter shows; ``paths``: tables (by name), published, theory, predictions (or
    none) and figures (by name).
    """
    return Chapter(
        chapter,
        datasets,
        read_tables(paths["tables"]),
        pd.read_parquet(paths["published"]),
        pd.read_parquet(paths["theory"]),
        pd.read_parquet(paths["predictions"]) if paths["predictions"] else None,
        {name: Path(path) for name, path in paths["figures"].items()},
    )


def sizes(chapter: Chapter) -> HTML:
    """Return what the study behind this chapter is made of, in a sentence a data set."""
    items = []
    for dataset in chapter.datasets:
        status = chapter.tables.of_dataset(dataset).status
        ran = status[status["status"] != Outcome.NOT_APPLICABLE]
        failed = int((~ran["status"].isin([Outcome.OK])).sum())
        ended = (
            "all replicas ended well"
            if not failed
            else f"{failed} of {len(ran)} replicas did not end well"
        )
        items.append(
            f"<li><b>{escape(dataset)}</b>: {ran['model'].nunique()} variants, seeds"
            f" {_listed(ran['seed'].dropna().unique())}; {ended}.</li>"
        )
    return HTML(f"<ul>{''.join(items)}</ul>" if items else "<p>No data set: equations alone.</p>")


def published_table(chapter: Chapter) -> HTML:
    """Return our results beside the published ones, an experiment a line."""
    if chapter.published.empty:
        return HTML("<p>No published number belongs to this chapter.</p>")
    rows = [
        {
            **{
                "experiment": row["experiment"],
                "metric": row["metric"],
                "ours": _ours(row),
                "variant": row["model"],
                "theirs": row["theirs"],
            },
            **{
                "source": row["source"],
                "theirs was made by": row["protocol"],
                "our bar": row["bar"],
                "remark": row["remark"],
            },
        }
        for row in published_rows(chapter.published)
    ]
    return _table(pd.DataFrame(rows))


def verdicts(chapter: Chapter) -> HTML:
    """Return in sentences where our results lie beside the published ones, and which are
    missing.
    """
    rows = published_rows(chapter.published)
    items = [
        f"{words} {row['source']}: {row['experiment']}, {row['metric']} {_ours(row)} against"
        f" {row['theirs']}."
        for standing, words in VERDICTS.items()
        for row in rows
        if row["standing"] == STANDINGS[standing]
    ]
    items += [
        f"Without a number of ours: {row['experiment']} ({row['model']}): {row['reason']}."
        for row in rows
        if not row["ours"]["value"]
    ]
    listed = "".join(f"<li>{escape(item)}</li>" for item in items)
    return HTML(f"<p>{escape(counted_sentence(chapter.published))}</p><ul>{listed}</ul>")


def standings(chapter: Chapter) -> HTML:
    """Return, for every chapter, how many of our results lie above, within and below the published
    ones, and how many bars are reached.
    """
    rows = []
    for name, published in chapter.all_published.groupby("chapter", sort=False):
        counts = counts_of(published)
        rows.append(
            {
                "chapter": str(name).replace("_", " "),
                **{words.lower(): counts[standing] for standing, words in VERDICTS.items()},
                "no number of ours": counts["missing"],
                "bars reached": f"{counts['reached']} of {counts['bars']}",
            }
        )
    return _table(pd.DataFrame(rows))


def scores(chapter: Chapter, dataset: str) -> HTML:
    """Return the table of scores of a data set, one row a variant."""
    return (
        scores_table(chapter.tables.of_dataset(dataset))
        if dataset in chapter.datasets
        else _absent(f"data set {dataset}")
    )


def figure(chapter: Chapter, name: str, caption: str) -> HTML:
    """Return a figure of the study with a caption; a sentence where the study has no such
    figure.
    """
    if name not in chapter.figures:
        return _absent(f"figure {name}")
    encoded = b64encode(chapter.figures[name].read_bytes()).decode()
    shown = (
        f'<img style="max-width:100%" alt="{escape(caption)}"'
        f' src="data:image/png;base64,{encoded}">'
    )
    return HTML(f"<figure>{shown}<figcaption>{escape(caption)}</figcaption></figure>")


def theory(chapter: Chapter, topic: str) -> HTML:
    """Return the numeric checks of one topic of the theory."""
    rows = [
        row
        for checked in theory_rows(chapter.theory[chapter.theory["topic"] == topic])
        for row in checked["rows"]
    ]
    if not rows:
        return _absent(f"topic {topic}")
    shown = [
        {
            "equation": row["equation"],
            "what it says": row["says"],
            "both sides": row["sides"],
            "difference": row["difference"]["text"],
            "holds": "yes" if row["holds"] else "NO",
        }
        for row in rows
    ]
    return _table(pd.DataFrame(shown))


def predictions(chapter: Chapter) -> HTML:
    """Return the means of every method over cell types and seeds."""
    if chapter.predictions is None:
        return _absent("the predictions")
    keys = [column for column in ("dataset", "hidden", "model") if column in chapter.predictions]
    wide = chapter.predictions.pivot_table(index=keys, columns="metric", values="value")
    return _table(
        wide.rename(columns=METRIC_NAMES)
        .map(lambda value: "–" if pd.isna(value) else f"{value:.3f}")
        .reset_index()
    )


def _ours(row: Row) -> str:
    return " ".join(
        filter(
            None,
            [
                row["ours"]["mean"],
                row["ours"]["interval"],
                f"({row['seeds']})" if row["seeds"] else "",
            ],
        )
    )


def _listed(seeds) -> str:
    return ", ".join(str(int(seed)) for seed in sorted(seeds))


def _absent(what: str) -> HTML:
    return HTML(f"<p><i>{escape(what)} is not part of this study.</i></p>")


def _table(frame: pd.DataFrame) -> HTML:
    return HTML(frame.to_html(index=False, border=0, escape=True))
