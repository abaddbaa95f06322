"""Published results beside those of the study, as plain rows: what chapters, the report and
docs/results.md print.
"""

from typing import Any

import pandas as pd

from latentbench.outcomes import Outcome
from latentbench.report.page_views import estimate

STANDINGS = {"above": "above", "within": "not distinguishable from it", "below": "below"}
BARS = {"yes": "reached", "no": "missed", "": "not measured"}


def published_rows(published: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row for every published result: ours with interval and number of seeds, theirs, how
    ours stands, and our bar, all in words.
    """
    return [
        {
            **{
                key: getattr(row, key)
                for key in (
                    "experiment",
                    "chapter",
                    "metric",
                    "source",
                    "protocol",
                    "remark",
                    "reason",
                )
            },
            "model": row.model or "–",
            "ours": estimate(
                pd.Series({"mean": row.mean, "low": row.low, "high": row.high})
                if row.status == Outcome.OK
                else None
            ),
            "seeds": f"{row.n_seeds} seed{'' if row.n_seeds == 1 else 's'}" if row.n_seeds else "",
            "theirs": _range(row.value, row.value_high),
            "standing": STANDINGS.get(row.standing, "no number of ours"),
            "bar": "–" if pd.isna(row.bar) else f"{row.bar:.3g}: {BARS[row.bar_met]}",
        }
        for row in published.itertuples()
    ]


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


def _range(low: float, high: float) -> str:
    return f"{low:.3f}" if pd.isna(high) else f"{low:.3f} to {high:.3f}"
