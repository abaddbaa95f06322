"""What the labels say, in words: which model, how sure, on how much, and who is not
distinguishable from it.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from latentbench.evaluation.contest import CONTROL, OF_OTHERS, SAW_LABELS
from latentbench.evaluation.statistics import ALL_DATASETS
from latentbench.figures.style import model_colours
from latentbench.report.answer import answers
from latentbench.report.cells import Cell, counted, estimate_of, listed, table
from latentbench.report.results import Results
from latentbench.report.sections import Section
from latentbench.report.sections.choices import chosen_sentence
from latentbench.report.sections.ranks import note_of
from latentbench.report.tables import StudyTables

MOST_LEFT_OUT = 3
"""Up to so many variants that could not compete are named each with its reason
(tables/answer.tsv has all reasons)."""

COLUMNS = (
    "scope",
    "model",
    "mean",
    "low",
    "high",
    "n_datasets",
    "n_seeds",
    "n_failed",
    "in_contest",
    "best",
    "distinguishable",
    "note",
    "reason",
    "tuned_on",
)


def view(results: Results) -> dict[str, Any] | None:
    """Return the verdict in sentences and as a table; without labels the choice alone, and None
    where nothing was chosen either.
    """
    evidence = results.table_if_any("criteria")
    # Where there is an answer, that is what was chosen.
    chosen = "" if answers(results) else chosen_sentence(results.tables.choices, evidence)
    labelled = [dataset for dataset in results.datasets if results.has_labels(dataset)]
    said = verdict_of(results.table("answer"), results.tables, labelled) if labelled else None
    circular = [dataset for dataset in labelled if results.is_circular(dataset)]
    if said and circular and len(circular) < len(labelled):
        said["sentences"].append(
            f"Not in means over data sets: {listed(circular)}, whose labels were found by"
            " clustering the same expression."
        )
    return {"chosen": chosen, "said": said} if said or chosen else None


def verdict_of(
    answer: pd.DataFrame, tables: StudyTables, datasets: Sequence[str]
) -> dict[str, Any] | None:
    """Return model (the best, or None), verdict (what is said of it), sentences, note and table (a
    row for the study, one for each of ``datasets``); None where nobody has a score.

    Raises:
        ValueError: the table lacks a column.
    """
    missing = [column for column in COLUMNS if column not in answer]
    if missing:
        raise ValueError(
            f"answer.tsv: no column {', '.join(missing)}; it has {', '.join(answer.columns)}; make"
            " the table anew with this version"
        )
    contest = answer[answer["in_contest"].astype(bool)].sort_values(
        ["best", "mean", "model"], ascending=[False, False, True], kind="stable"
    )
    if contest.empty:
        return None
    over_all = contest[contest["scope"] == ALL_DATASETS]
    scopes = [ALL_DATASETS, *datasets] if len(datasets) > 1 else datasets
    rows = [
        _row(scope, contest[contest["scope"] == scope], tables)
        for scope in scopes
        if (contest["scope"] == scope).any()
    ]
    outside = answer[(answer["scope"] == ALL_DATASETS) & ~answer["in_contest"].astype(bool)]
    return {
        "model": None if over_all.empty else str(over_all["model"].iloc[0]),
        "verdict": _verdict(over_all),
        "sentences": [*_sentences(over_all), *_tuned(over_all), *_left_out(outside)],
        "note": note_of(over_all),
        "table": table(rows, lead="ARI [95 %]"),
    }


def _verdict(over_all: pd.DataFrame) -> str:
    if over_all.empty:
        return (
            "No contestant has a score on every data set, so that none is the best of all; the"
            " table has the best one of each."
        )
    best, ties = over_all.iloc[0], _not_distinguishable(over_all)
    equal = _equal_to_the_best(over_all)
    if equal:
        others = [model for model in ties if model not in equal]
        return f"shares the highest mean ARI, {estimate_of(best)}, with {listed(equal)}" + (
            f"; {listed(others)} cannot be told apart from it." if others else "."
        )
    return f"has the highest mean ARI, {estimate_of(best)}" + (
        f", but it cannot be told apart from {listed(ties)}." if ties else ", and it stands alone."
    )


def _sentences(over_all: pd.DataFrame) -> list[str]:
    if over_all.empty:
        return []
    best = over_all.iloc[0]
    datasets, seeds = int(best["n_datasets"]), int(best["n_seeds"])
    told_apart = [
        str(model)
        for model in over_all["model"].iloc[1:]
        if model not in _not_distinguishable(over_all)
    ]
    sentences = [
        f"That is over {counted(datasets, 'data set')} with {counted(seeds, 'seed')} each, on"
        " held-out cells; the brackets hold the 95 % bootstrap interval."
    ]
    if told_apart:
        sentences.append(
            f"Lower than it, and told apart from it after Holm’s correction: {listed(told_apart)}."
        )
    return sentences


def _tuned(over_all: pd.DataFrame) -> list[str]:
    """Say which contestants were tuned on the labels that they are scored by."""
    tuned = over_all[over_all["tuned_on"].fillna("") != ""]
    return [
        f"The recipe of {listed(models.tolist())} was compared with others by the labels of {names}"
        " before it was kept: its scores there are of its tuning."
        for names, models in tuned.groupby("tuned_on", sort=True)["model"]
    ]


def _left_out(outside: pd.DataFrame) -> list[str]:
    """Say which models could not compete; that controls do not is in the methods."""
    absent = outside[~outside["reason"].isin((CONTROL, SAW_LABELS, OF_OTHERS))]
    rows = list(absent.sort_values("model").itertuples())
    if len(rows) <= MOST_LEFT_OUT:
        return [f"{row.model} is not in this comparison: {row.reason}." for row in rows]
    return [
        f"{len(rows)} variants have no score to compare on some of the data sets and are not in"
        f" this comparison: {listed([row.model for row in rows])}."
    ]


def _row(scope: str, contest: pd.DataFrame, tables: StudyTables) -> dict[str, Cell | str]:
    best, equal = contest.iloc[0], _equal_to_the_best(contest)
    others = [model for model in _not_distinguishable(contest) if model not in equal]
    return {
        "Data": "All data sets" if scope == ALL_DATASETS else scope,
        "Highest mean ARI": Cell(
            " = ".join([best["model"], *equal]), colour=model_colours(tables.kinds)[best["model"]]
        ),
        "ARI [95 %]": estimate_of(best),
        "Not distinguishable from it": ", ".join(others)
        or ("no other" if equal else "none: it stands alone"),
    }


def _equal_to_the_best(contest: pd.DataFrame) -> list[str]:
    """The other models with exactly the best one's mean: none of them is more the best than the
    others.
    """
    rest = contest.iloc[1:]
    return [str(model) for model in rest.loc[rest["mean"] == contest["mean"].iloc[0], "model"]]


def _not_distinguishable(contest: pd.DataFrame) -> list[str]:
    rest = contest.iloc[1:]
    return [str(model) for model in rest.loc[~rest["distinguishable"].eq(True), "model"]]


SECTION = Section(20, "Contest", view, heading="The answer, by the labels")
