"""How sure the order of the models is, as the report says it: ranks with intervals, the test over
data sets in words, the diagram.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from latentbench.evaluation.bootstrap import ALPHA
from latentbench.evaluation.contest import ALL_DATASETS
from latentbench.figures.style import model_colours
from latentbench.outcomes import Outcome
from latentbench.report.page_views import number


def read_certainty(
    ranks: pd.DataFrame, tests: pd.DataFrame, kinds: Mapping[str, str]
) -> dict[str, Any]:
    """Return sentences, rows (a contestant each, best first), note, and whether there is a test
    (``applies``).
    """
    over_all = ranks[ranks["scope"] == ALL_DATASETS].sort_values(
        ["mean_rank", "model"], kind="stable"
    )
    applies = bool((tests["status"] == Outcome.OK).all())
    note = (
        ""
        if over_all.empty or pd.isna(over_all["note"].iloc[0])
        else f"A small study: {over_all['note'].iloc[0]}."
    )
    return {
        "sentences": (
            _sentences(tests)
            if applies
            else [f"There is no test over data sets: {tests['reason'].iloc[0]}."]
        ),
        "rows": rank_rows(over_all, kinds),
        "note": note,
        "applies": applies,
    }


def rank_rows(ranks: pd.DataFrame, kinds: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a row a contestant of one scope: its mean rank, the interval, and the letters of its
    groups.
    """
    colours = model_colours(kinds)
    return [
        {
            "model": row.model,
            "colour": colours[row.model],
            "rank": number(row.mean_rank, 2),
            "interval": (
                "" if pd.isna(row.rank_low) else f"[{row.rank_low:.2f}, {row.rank_high:.2f}]"
            ),
            "cliques": "" if pd.isna(row.cliques) else row.cliques,
        }
        for row in ranks.itertuples()
    ]


def _sentences(tests: pd.DataFrame) -> list[str]:
    by_name = tests.set_index("test")
    test, nemenyi = by_name.loc["iman_davenport"], by_name.loc["nemenyi"]
    statistic = (
        f"F = {test['statistic']:.2f}"
        if test["statistic"] < float("inf")
        else "F without bound, since every data set gives the same order"
    )
    said = (
        f"Friedman’s test with Iman and Davenport’s correction, over {int(test['n_datasets'])} data"
        f" sets and {int(test['n_models'])} models: {statistic} on {int(test['df'])} and"
        f" {int(test['df_residual'])} degrees of freedom, p = {test['p_value']:.2g}"
        f" ({test['method']})."
    )
    if test["p_value"] > ALPHA:
        return [
            f"{said} The ranks are no evidence that any two models differ, so that one group holds"
            " them all."
        ]
    return [
        f"{said} Not all models rank alike.",
        (
            "Two models are told apart where their mean ranks differ by"
            f" {nemenyi['critical_difference']:.2f} or more (Nemenyi’s critical difference at 5 %)."
        ),
    ]
