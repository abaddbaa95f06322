"""Published results beside those of the study: what the page, the chapters and docs/results.md
print.
"""

from dataclasses import replace
from typing import Any

import pandas as pd

from latentbench.outcomes import Outcome
from latentbench.report.cells import NOTHING, Cell, Table, counted, estimate, table
from latentbench.report.results import Results
from latentbench.report.sections import Section

STANDINGS = {"above": "above", "within": "not distinguishable from it", "below": "below"}
BARS = {"yes": "reached", "no": "missed", "": "not measured"}


def view(results: Results) -> dict[str, Any] | None:
    """Return the table with its counts in words, and the chapters; None where the study has
    neither.
    """
    published = results.table_if_any("published")
    if published is None and not results.chapters:
        return None
    return {
        "chapters": results.chapters,
        "sentence": "" if published is None else counted_sentence(published),
        "table": None if published is None else published_table(published),
    }


def published_table(published: pd.DataFrame, *, seeds: bool = False) -> Table | None:
    """Return a row for every published result: ours with interval (and number of ``seeds``),
    theirs, how ours stands, and our bar, all in words.
    """
    return table(
        (
            {
                "Experiment": row.experiment,
                "Variant": row.model or NOTHING,
                "Metric": row.metric,
                "Ours": ours(row, seeds=seeds),
                "Published": Cell(theirs(row), repr(row.value), number=True),
                "By": f"{row.source}: {row.protocol}",
                "Ours is": row.reason if pd.isna(row.mean) else STANDINGS[row.standing],
                "Our bar": NOTHING if pd.isna(row.bar) else f"{row.bar:.3g}: {BARS[row.bar_met]}",
                "Remark": row.remark,
            }
            for row in published.itertuples()
        ),
        lead="Ours",
    )


def ours(row: Any, *, seeds: bool) -> Cell:
    """Return our own result of a row of the table, if it has one."""
    if row.status != Outcome.OK:
        return Cell(number=True)
    found = estimate(row.mean, row.low, row.high)
    of_seeds = f"({counted(row.n_seeds, 'seed')})" if seeds and row.n_seeds else ""
    return replace(found, interval=f"{found.interval} {of_seeds}".strip())


def counts_of(published: pd.DataFrame) -> dict[str, int]:
    """Return how many published results ours stand ``above``, ``within`` and ``below``, how many
    have no number of ours (``missing``), and of the bars that the sheet sets (an experiment,
    variant and metric once) how many there are (``bars``) and are ``reached``."""
    standing = published["standing"].value_counts()
    bars = published.dropna(subset="bar").drop_duplicates(["experiment", "model", "metric"])
    return {
        **{name: int(standing.get(name, 0)) for name in STANDINGS},
        "missing": int((published["status"] != Outcome.OK).sum()),
        "bars": len(bars),
        "reached": int((bars["bar_met"] == "yes").sum()),
    }


def counted_sentence(published: pd.DataFrame) -> str:
    """Return these counts in words."""
    counts = counts_of(published)
    said = (
        f"Of {len(published)} published numbers ours is above {counts['above']}, not"
        f" distinguishable from {counts['within']} and below {counts['below']}"
    )
    said += f"; for {counts['missing']} this study has no number." if counts["missing"] else "."
    return (
        f"{said} Of the {counts['bars']} bars that the study set itself {counts['reached']} are"
        " reached."
        if counts["bars"]
        else said
    )


def theirs(row: Any) -> str:
    """Return the published result of a row of the table: a value or a range."""
    low, high = row.value, row.value_high
    return f"{low:.3f}" if pd.isna(high) else f"{low:.3f} to {high:.3f}"


SECTION = Section(140, "Published", view, heading="Beside what others have published")
