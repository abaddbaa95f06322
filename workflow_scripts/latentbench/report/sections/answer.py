"""The answer in words, for data with and without labels alike."""

from pathlib import Path
from typing import Any

import pandas as pd

from latentbench.files.tables import ANSWER_EVIDENCE
from latentbench.report.answer import answers
from latentbench.report.cells import Table, estimate, number, table
from latentbench.report.results import Results
from latentbench.report.sections import Section

EVIDENCE = Path(__file__).parents[1] / "evidence.tsv"
"""What groups found like this, and by other rules, are worth on labelled data
(benchmarks/evidence.py writes it)."""


def view(results: Results) -> dict[str, Any] | None:
    """Return the sentences of every data set, and what groups found like this are worth."""
    found = {dataset: each.sentences() for dataset, each in answers(results).items()}
    if not found:
        return None
    evidence = ANSWER_EVIDENCE.read(EVIDENCE)
    return {"datasets": found, "worth": worth(evidence), "evidence": evidence_table(evidence)}


def worth(evidence: pd.DataFrame) -> str:
    """Return in a sentence what groups found like this, also with what labels decided decided on
    other data sets, and by the best other rule are worth.
    """
    ours = evidence["ours"].astype(bool)
    found, elsewhere = evidence[ours].iloc[0], evidence[ours].iloc[1]
    best = evidence[~ours].nlargest(1, "ari").iloc[0]
    return (
        f"On {found['n_datasets']} labelled data sets, groups found like this had a mean ARI of"
        f" {found['ari']:.2f} ({elsewhere['ari']:.2f} where the other half of the sets decided"
        f" whether groups are merged); the best other rule, {best['rule']}, has {best['ari']:.2f}."
    )


def evidence_table(evidence: pd.DataFrame) -> Table | None:
    """Return a row a rule: its mean ARI, and how often it finds about as many groups as labels."""
    return table(
        (
            {
                "Groups found by": row.rule,
                "ARI": estimate(row.ari, row.low, row.high, 2),
                "Number of groups within a factor of 1.5": number(row.n_near),
                "Data sets": number(row.n_datasets),
            }
            for row in evidence.itertuples()
        ),
        styles=["best" if ours else "" for ours in evidence["ours"].astype(bool)],
        lead="ARI",
    )


SECTION = Section(10, "Answer", view, heading="The answer")
