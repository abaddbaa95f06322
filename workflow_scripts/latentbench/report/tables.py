"""The study's tables as the report reads them: checked once, here, then trusted."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd

from latentbench.files import tables as files
from latentbench.outcomes import Outcome
from latentbench.study.applicability import CONSENSUS, CONTROL_KINDS

KINDS = {
    kind.name: kind
    for kind in (
        *(files.SCORES, files.SUMMARY, files.STATUS, files.HISTORY, files.CHOICES),
        *(files.RELIABILITY, files.QUALITY, files.RANKS, files.TESTS, files.CRITERIA),
        *(files.CORRELATIONS, files.MAPS, files.PREDICTIONS),
        *(files.ANSWER_SUMMARY, files.ANSWER_GROUPS, files.ANSWER_MODELS, files.ANSWER_TREE),
        *(files.ANSWER_AGREEMENT, files.ANSWER_CELLS),
    )
}
"""The kinds of the tables that the report checks when it reads them, by name."""

HEADLINE_METRICS: dict[str, str] = {"ari": "ARI", "nmi": "NMI", "acc": "ACC"}


@dataclass(frozen=True)
class StudyTables:
    """The collected tables of a study."""

    scores: pd.DataFrame
    summary: pd.DataFrame
    status: pd.DataFrame
    history: pd.DataFrame
    choices: pd.DataFrame
    reliability: pd.DataFrame
    quality: pd.DataFrame

    @property
    def kinds(self) -> dict[str, str]:
        """Kind of every model that ran, on any of the data sets."""
        ran = self.status[self.status["status"] != Outcome.NOT_APPLICABLE]
        return dict(zip(ran["model"], ran["kind"], strict=True))

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets, sorted."""
        return sorted(self.scores["dataset"].unique())

    def of_dataset(self, dataset: str) -> "StudyTables":
        """Return the rows of one data set."""
        return StudyTables(
            **{name: frame[frame["dataset"] == dataset] for name, frame in vars(self).items()}
        )


STUDY_TABLES = tuple(each.name for each in fields(StudyTables))
"""The names of the tables, each a field of ``StudyTables`` and an input of the rules that draw
from them."""


def read_tables(paths: Mapping[str, str | Path]) -> StudyTables:
    """Read the collected tables, given the file of each of ``STUDY_TABLES``.

    Raises:
        ValueError: a table lacks a column of its contract.
    """
    return StudyTables(**{name: read_table(paths[name], name) for name in STUDY_TABLES})


def read_table(path: str | Path, name: str) -> pd.DataFrame:
    """Read one table; its columns are checked where ``name`` is one of ``KINDS``.

    Raises:
        ValueError: it lacks a column.
    """
    return KINDS[name].read(path) if name in KINDS else pd.read_parquet(path)


def headline(tables: StudyTables, split: str = "test") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of the scores and of the summary that count: each variant's headline
    clustering, on the cells of ``split``.
    """
    scores = tables.scores[
        tables.scores["headline"].astype(bool) & (tables.scores["split"] == split)
    ]
    keys = ["dataset", "model", "clustering", "split"]
    chosen = scores[keys].drop_duplicates()
    return scores, tables.summary.drop(columns="headline", errors="ignore").merge(chosen, on=keys)


def headline_clusterings(tables: StudyTables) -> dict[str, str]:
    """Return the name of the headline clustering of every model of one data set."""
    scores, _ = headline(tables)
    return dict(zip(scores["model"], scores["clustering"], strict=True))


def best_model(tables: StudyTables) -> str | None:
    """Return the contestant with the highest mean test ARI on the one data set of ``tables``; None
    where no contestant has one.
    """
    _, summary = headline(tables)
    contest = summary[
        (summary["metric"] == "ari")
        & ~summary["saw_labels"].astype(bool)
        & ~summary["model"].map(tables.kinds).isin(CONTROL_KINDS)
    ]
    ranked = contest.dropna(subset="mean").sort_values(["mean", "model"], ascending=[False, True])
    return None if ranked.empty else str(ranked["model"].iloc[0])


def chosen_seed(tables: StudyTables, model: str) -> int:
    """Return the replica of a model on the one data set of ``tables`` that the rule in force picked
    without labels, else its first that ended ok.
    """
    made = tables.choices[
        tables.choices["in_force"].astype(bool)
        & (tables.choices["level"] == "seed")
        & (tables.choices["model"] == model)
    ]
    if len(made):
        return int(made["picked"].iloc[0])
    ended_ok = tables.status[
        (tables.status["model"] == model) & (tables.status["status"] == Outcome.OK)
    ]
    return int(ended_ok["seed"].min())


def trained_models(tables: StudyTables) -> dict[str, str]:
    """Return the kinds of the variants: all methods but the consensus, which is made of the
    others.
    """
    return {model: kind for model, kind in tables.kinds.items() if kind != CONSENSUS}


def failures(tables: StudyTables) -> pd.DataFrame:
    """Return everything that has no number, once each (columns dataset, model, seeds, what, status,
    reason).

    That is: replicas that did not end ok, pairs that do not apply, and scores that could not be had
    of a replica that did end ok."""
    ok, keys = str(Outcome.OK), ["dataset", "model", "seed"]
    replicas = tables.status[tables.status["status"] != ok].assign(what="training")
    scores = tables.scores[tables.scores["status"] != ok]
    told = (
        scores[keys]
        .merge(replicas[keys].drop_duplicates(), how="left", indicator=True)["_merge"]
        .eq("both")
        .to_numpy()
    )
    scores = scores[~told].assign(
        what=lambda rows: rows["clustering"].where(rows["clustering"] != "none", rows["metric"])
    )
    columns = [*keys, "what", "status", "reason"]
    every = pd.concat([replicas[columns], scores[columns]], ignore_index=True).drop_duplicates()
    named = every.assign(reason=every["reason"].fillna("")).groupby(
        ["dataset", "model", "what", "status", "reason"], sort=True
    )["seed"]
    return (
        named.agg(
            lambda seeds: ", ".join(str(int(seed)) for seed in sorted(seeds.dropna())) or "all"
        )
        .rename("seeds")
        .reset_index()
    )
