"""The answer for one data set as readers see it: in words, and what is doubtful of it.

Every sentence is one of numbers of the answer's tables (files/tables.py); no label is read.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from latentbench.answer.cut import LEAST_ALIKE
from latentbench.files.tables import ANSWER_SUMMARY, HALVES, HELD_OUT
from latentbench.outcomes import Outcome
from latentbench.report.cells import counted, listed
from latentbench.report.results import Results

DISSOLVED_BELOW = 0.5
"""Support below which a group is dissolved (Hennig 2007, doi:10.1016/j.csda.2006.11.025)."""
UNSURE_BELOW = 0.6
"""Mean certainty of a group's cells below which they may lie elsewhere."""
FEW_CELLS = 30
NOT_ABOVE_NULL = 0.1
"""Agreement that is less than this above that of data with one group is no evidence of more."""
SETTLED_FROM = 0.5
"""Share of resamples from which the choice of a model is settled."""
WIDE_FROM = 1.5
"""Ratio of the ends of the interval from which the number of groups is not settled."""
KINDS_OF_SUPPORT = {
    "support_cells": "other cells",
    "support_seeds": "other seeds",
    "support_variants": "other models",
}

BY = {
    HELD_OUT: "by counts that no model has seen",
    HALVES: "when one half of the counts is checked against the other",
}
"""How groups are told apart, by ``tested_on``."""


@dataclass(frozen=True)
class DatasetAnswer:
    """The rows of one data set of the answer's tables; ``summary`` is its row."""

    summary: dict[str, Any]
    groups: pd.DataFrame
    models: pd.DataFrame
    tree: pd.DataFrame
    agreement: pd.DataFrame

    def pairs_not_told_apart(self) -> list[str]:
        """Return neighbouring groups that thinned counts do not tell apart: "7 and 9"."""
        near = self.groups[self.groups["told_apart"] == "no"].dropna(subset="nearest")
        pairs = {tuple(sorted((row.group, int(row.nearest)))) for row in near.itertuples()}
        return [f"{one} and {other}" for one, other in sorted(pairs)]

    def sentences(self) -> list[str]:
        """Return the answer in words: groups, certainty, agreement and model."""
        said = [self._number(), self._certainty(), self._agreement(), self._model()]
        return [sentence for sentence in said if sentence]

    def doubts(self) -> list[str]:
        """Return what is doubtful, a sentence each; nothing where nothing is."""
        return [*self._doubts_of_all(), *self._doubts_of_groups()]

    def _number(self) -> str:
        about = self.summary
        n, low, high = (int(about[name]) for name in ("n_groups", "n_low", "n_high"))
        interval = f"{low}" if low == high else f"{low} to {high}"
        if not pd.isna(about["n_declared"]) and n != about["n_found"]:
            return (
                f"{counted(n, 'group')}, the declared number; without it"
                f" {about['n_found']:.0f} would be found [{interval}]."
            )
        return f"{counted(n, 'group')} [{interval}]." if n > 1 else f"One group [{interval}]."

    def _certainty(self) -> str:
        share = f"{100 * self.summary['certain_share']:.0f} % of the cells"
        said = f"{share} are placed with a certainty of .9 or more"
        asked = self.groups["told_apart"].isin(["yes", "no"]).any()
        if not asked:
            return f"{said}."
        pairs = self.pairs_not_told_apart()
        by = BY[self.summary["tested_on"]]
        if not pairs:
            return f"{said}; all neighbouring groups are told apart {by}."
        return f"{said}; groups {listed(pairs)} are not told apart {by}."

    def _agreement(self) -> str:
        n, agreed = int(self.summary["n_groups"]), self.summary["n_agreed"]
        if pd.isna(agreed) or n == 1:
            return ""
        return f"The models agree on {'all' if agreed == n else f'{agreed:.0f}'} of them."

    def _model(self) -> str:
        chosen, chance = self.summary["chosen"], 100 * self.summary["chance"]
        what = (
            "describes the data best among those that agree"
            if self.models["predictive"].notna().any()
            else "agrees best with these groups and with itself over its seeds"
        )
        return f"{chosen} {what} (chosen in {chance:.0f} % of resamples)."

    def _doubts_of_all(self) -> list[str]:
        about = self.summary
        said = {
            (
                f"How many groups there are is not settled: resampling gives"
                f" {about['n_low']:.0f} to {about['n_high']:.0f}."
            ): about["n_high"] >= WIDE_FROM * about["n_low"],
            (
                f"The models agree hardly more (ARI {about['agreement']:.2f}) than on data with one"
                f" group ({about['null_agreement']:.2f}): there may be fewer groups, or one."
            ): about["agreement"] < about["null_agreement"] + NOT_ABOVE_NULL
            and about["structure_alike"] < LEAST_ALIKE,
            (
                f"Which model is best is not settled: {about['chosen']} is chosen in"
                f" {100 * about['chance']:.0f} % of resamples."
            ): about["chance"] < SETTLED_FROM,
        }
        return [sentence for sentence, holds in said.items() if holds]

    def _doubts_of_groups(self) -> list[str]:
        groups, pairs = self.groups, self.pairs_not_told_apart()
        limits = [
            (column, DISSOLVED_BELOW, "comes", "come", f"back under {what} with a support below")
            for column, what in KINDS_OF_SUPPORT.items()
        ]
        limits += [
            ("certainty", UNSURE_BELOW, "has", "have", "cells with a mean certainty below"),
            ("cells", FEW_CELLS, "has", "have", "fewer cells than"),
        ]
        said = [
            f"{_subject(groups.loc[groups[column] < limit, 'group'], one, several)} {words}"
            f" {limit:g}."
            for column, limit, one, several, words in limits
            if (groups[column] < limit).any()
        ]
        if pairs:
            apart = f"Held-out counts do not tell apart {listed(pairs)}: these may be one group."
            said.append(apart)
        return said


def answers(results: Results) -> dict[str, DatasetAnswer]:
    """Return the answers by data set, those data sets that have one."""
    summary = results.table_if_any(ANSWER_SUMMARY.name)
    if summary is None:
        return {}
    ended = summary[summary["status"] == Outcome.OK].set_index("dataset", drop=False)
    return {
        dataset: DatasetAnswer(
            ended.loc[dataset].to_dict(),
            *(
                frame[frame["dataset"] == dataset]
                for frame in (
                    results.table(f"answer_{name}")
                    for name in ("groups", "models", "tree", "agreement")
                )
            ),
        )
        for dataset in results.datasets
        if dataset in ended.index
    }


def _subject(groups: pd.Series, one: str, several: str) -> str:
    """Return "Group 3 has" or "Groups 3 and 4 have", with these verbs."""
    names = [str(group) for group in sorted(groups)]
    return f"Group {names[0]} {one}" if len(names) == 1 else f"Groups {listed(names)} {several}"
