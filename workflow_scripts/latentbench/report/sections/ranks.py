"""How sure the order of the models is: mean ranks over data sets, the test in words, a figure."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from latentbench.evaluation.bootstrap import ALPHA
from latentbench.evaluation.contest import ALL_DATASETS
from latentbench.figures.style import model_colours
from latentbench.report.cells import Cell, Table, estimate, table
from latentbench.report.figures import placed
from latentbench.report.results import Results
from latentbench.report.sections import Section


def view(results: Results) -> dict[str, Any] | None:
    """Return the figure, the test in sentences, the table and the note; None where the data sets
    are too few for a test.
    """
    if not results.has_ranks:
        return None
    over_all, tests = over_all_datasets(results.table("ranks")), results.table("tests")
    return {
        "figures": placed(results, "ranks"),
        "sentences": sentences(tests),
        "table": ranks_table(over_all, results.tables.kinds),
        "note": note_of(over_all),
    }


def over_all_datasets(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the ranks over all data sets, the best first."""
    rows = frame[frame["scope"] == ALL_DATASETS]
    return rows.sort_values(["mean_rank", "model"], kind="stable")


def ranks_table(ranks: pd.DataFrame, kinds: Mapping[str, str]) -> Table | None:
    """Return a row a contestant of one scope: its mean rank, the interval, and the letters of its
    groups.
    """
    colours = model_colours(kinds)
    return table(
        {
            "Model": Cell(row.model, colour=colours[row.model]),
            "Mean rank": estimate(row.mean_rank, row.rank_low, row.rank_high, 2),
            "Group": Cell() if pd.isna(row.cliques) else Cell(row.cliques or "–"),
        }
        for row in ranks.itertuples()
    )


def note_of(rows: pd.DataFrame) -> str:
    """Return the table's note on the size of the study, as a sentence; "" for none."""
    return (
        ""
        if rows.empty or pd.isna(rows["note"].iloc[0])
        else f"A small study: {rows['note'].iloc[0]}."
    )


def sentences(tests: pd.DataFrame) -> list[str]:
    """Return what the test over data sets says."""
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


SECTION = Section(30, "How sure", view, heading="How sure is the order?")
