"""The tables of the evidence, from what ``evidence.py`` has measured. Which rule merges groups is
tuned on one half of the data sets and reported on the other, beside the rule that is shipped;
certainties of what is shipped are calibrated likewise.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from driver import HERE
from publishing import write_summary
from reality_nulls import RULES, SHIPPED

from latentbench.answer.certainty import LEARNED, calibrate, calibration_error
from latentbench.evaluation.bootstrap import interval
from latentbench.files.artefacts import atomic_path, write_table
from latentbench.files.tables import ANSWER_EVIDENCE

FACTOR = 1.5
"""A number of groups is right within this factor of the labels'."""
N_BOOTSTRAP = 2000
OF_IMAGES = "digits"
LEAST_ON_NULLS = 0.95
"""Share of the nulls on which an eligible rule leaves one group."""
PAGE = HERE.parent / "docs" / "evidence.md"
QUOTED = HERE.parent / "workflow_scripts" / "latentbench" / "report" / "evidence.tsv"
BEGIN, END = "<!-- tables: written by benchmarks/evidence.py -->", "<!-- end of tables -->"
GIVEN = ", number given"
ANSWER = "answer"
OURS = f"{ANSWER}: {SHIPPED}"
TUNED = f"{ANSWER}, merged as the other half says"


def publish_evidence(measured: Path, publish: bool) -> None:
    """Write all tables; with ``publish`` docs/evidence.md and what the reports quote as well."""
    scores, cells, models, nulls = (
        pd.concat(map(_read, sorted(measured.glob(f"{kind}_*.tsv"))), ignore_index=True)
        for kind in ("scores", "cells", "models", "nulls")
    )
    scores["near"] = (scores["n_groups"] / scores["n_classes"]).between(1 / FACTOR, FACTOR)
    on_nulls = nulls_table(nulls)
    tuned, chosen = swapped_rules(scores, eligible(on_nulls))
    scores = pd.concat([scores, tuned], ignore_index=True)
    columns = {f"{name}, {OURS}": name for name in ("certainty", "correct")}
    cells = cells.rename(columns=columns)[["dataset", "half", *columns.values()]]
    cells["swapped"] = swapped(cells)
    cells["in_force"] = LEARNED(cells["certainty"].to_numpy())
    knots = learned(cells)
    tables = {
        "Rules": summary_of(scores[scores["dataset"] != OF_IMAGES]),
        "Data sets": by_set(scores),
        "Which rule tells groups apart": chosen,
        "Nulls": on_nulls,
        "Certainty": certainty_table(cells),
        "The chosen model": choice_table(models),
    }
    for name, table in tables.items():
        write_summary(f"evidence_{name.lower().replace(' ', '_')}", table)
    write_summary("evidence_calibration", knots)
    if publish:
        text = PAGE.read_text()
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        shown = "\n\n".join(f"### {name}\n\n{_markdown(table)}" for name, table in tables.items())
        with atomic_path(PAGE) as path:
            path.write_text(f"{before}{BEGIN}\n\n{shown}\n\n{END}{after}")
        write_table(quoted(tables["Rules"]), QUOTED)


def swapped_rules(scores: pd.DataFrame, rules: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the scores of the answer with the rule that the other half chooses, and a row a rule:
    what it is worth in either half, and which half chooses it.
    """
    found, picks = [], {}
    for half in (0, 1):
        means = worth_of_rules(scores, 1 - half)
        ranked = means.loc[means.index.isin(rules)].round({"ari": 2})
        picks[1 - half] = ranked.sort_values(["ari", "near"], ascending=False, kind="stable").index[
            0
        ]
        mine = scores["half"].eq(half) & scores["rule"].eq(f"{ANSWER}: {picks[1 - half]}")
        found.append(scores[mine].assign(rule=TUNED))
    halves = [worth_of_rules(scores, half) for half in (0, 1)]
    table = pd.DataFrame(
        {
            f"{name}, half {half + 1}": halves[half][column]
            for half in (0, 1)
            for column, name in (("ari", "ARI"), ("near", "number within 1.5"))
        }
    )
    table = table.astype({name: int for name in table if name.startswith("number")})
    table["eligible"] = ["yes" if rule in rules else "no" for rule in table.index]
    table["chosen by half"] = [
        " and ".join(str(half + 1) for half in (0, 1) if picks[half] == rule) or "-"
        for rule in table.index
    ]
    return pd.concat(found), table.rename_axis("rule").reset_index()


def worth_of_rules(scores: pd.DataFrame, half: int) -> pd.DataFrame:
    """Return mean ARI and numbers within the factor of every rule, on the counts of a half."""
    mine = scores[scores["half"].eq(half) & scores["dataset"].ne(OF_IMAGES)]
    rows = {rule: mine[mine["rule"] == f"{ANSWER}: {rule}"] for rule in RULES}
    return pd.DataFrame(
        {
            rule: {"ari": each["ari"].mean(), "near": each["near"].sum()}
            for rule, each in rows.items()
        }
    ).T


def eligible(on_nulls: pd.DataFrame) -> list[str]:
    """Return the rules that leave one group on enough nulls."""
    everything = on_nulls[on_nulls["null"] == "all"].iloc[0]
    return [rule for rule in RULES if everything[rule] >= LEAST_ON_NULLS]


def nulls_table(nulls: pd.DataFrame) -> pd.DataFrame:
    """Return, by null and of all, the share of draws that are one group: by the agreement of the
    members against its null, by merging alone, by the whole answer with each rule; and the share
    of p-values of two halves below .05.
    """
    one = pd.DataFrame({"null": nulls["null"], "agreement": nulls["structured"] == 1})
    one["merging alone"] = nulls["D .2"] == 1
    for rule in RULES:
        one[rule] = one["agreement"] | (nulls["answer" if rule == SHIPPED else rule] == 1)
    one["rejected at 5 %"] = nulls["p"] < 0.05
    both = pd.concat([one, one.assign(null="all")])
    table = both.groupby("null", sort=False).mean()
    table.insert(0, "draws", both.groupby("null", sort=False).size())
    return table.reset_index()


def summary_of(scores: pd.DataFrame) -> pd.DataFrame:
    """Return mean ARI of every rule, its 95 % interval over data sets, its mean by half, in how
    many sets the number is near, and in how many the answer that is shipped (told what the rule is
    told) and the tuned one are better.
    """
    by_rule = scores.pivot_table(index="dataset", columns="rule", values="ari")
    rows = []
    for rule, each in scores.groupby("rule", sort=False):
        low, high = interval([np.array([value]) for value in each["ari"]], N_BOOTSTRAP)
        told = rule.endswith(GIVEN)
        ours, tuned = (by_rule[f"{ANSWER}{GIVEN}" if told else each] for each in (OURS, TUNED))
        rows.append(
            {
                "rule": rule,
                "sets": len(each),
                "ari": each["ari"].mean(),
                "low": low,
                "high": high,
                "half 1": each.loc[each["half"] == 0, "ari"].mean(),
                "half 2": each.loc[each["half"] == 1, "ari"].mean(),
                "number within 1.5": int(each["near"].sum()),
                "shipped better in": int((ours > by_rule[rule]).sum()),
                "tuned better in": int((tuned > by_rule[rule]).sum()),
            }
        )
    return pd.DataFrame(rows).sort_values("ari", ascending=False, kind="stable")


def by_set(scores: pd.DataFrame) -> pd.DataFrame:
    """Return a row a data set: classes, groups found, and the ARI of some rules."""
    wide = scores.pivot_table(index="dataset", columns="rule", values="ari")
    numbers = scores[scores["rule"] == OURS].set_index("dataset")
    shown = [OURS, *(rule for rule in wide.columns if not rule.startswith(f"{ANSWER}:"))]
    table = numbers[["n_classes", "n_groups"]].rename(
        columns={"n_classes": "classes", "n_groups": "found"}
    )
    return table.join(wide[shown]).sort_index().reset_index()


def certainty_table(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the calibration error of certainties over all cells, and over the data sets of one
    error each; and how right cells of .9 and more are.
    """
    rows = []
    for name, column in (
        ("as found", "certainty"),
        ("mapped as the other half says", "swapped"),
        ("by the map in force, fitted on these sets", "in_force"),
    ):
        each = [
            calibration_error(part[column].to_numpy(), part["correct"].to_numpy())
            for _, part in cells.groupby("dataset")
        ]
        sure = cells[cells[column] >= 0.9]
        rows.append(
            {
                "certainty": name,
                "cells": len(cells),
                "calibration error": calibration_error(
                    cells[column].to_numpy(), cells["correct"].to_numpy()
                ),
                "mean error of a data set": np.mean(each),
                "share at .9 and more": len(sure) / len(cells),
                "right of those": sure["correct"].mean(),
            }
        )
    return pd.DataFrame(rows)


def choice_table(models: pd.DataFrame) -> pd.DataFrame:
    """Return what the chosen model gains over one at random, and the best over the chosen."""
    sets = models.groupby("dataset")["ari"]
    chosen = models[models["chosen"]].set_index("dataset")["ari"]
    rows = []
    for name, gain in (
        ("chosen - random", chosen - sets.mean()),
        ("best - chosen", sets.max() - chosen),
    ):
        low, high = interval([np.array([value]) for value in gain], N_BOOTSTRAP)
        rows.append(
            {
                "gain of ARI": name,
                "sets": len(gain),
                "mean": gain.mean(),
                "low": low,
                "high": high,
                "above zero in": int((gain > 0).sum()),
            }
        )
    return pd.DataFrame(rows)


def swapped(cells: pd.DataFrame) -> pd.Series:
    """Return the certainties of each half by the map that the other half gives."""
    found = pd.Series(0.0, index=cells.index)
    for half in (0, 1):
        knots = learned(cells[cells["half"] != half])
        mine = cells["half"] == half
        found[mine] = np.interp(cells.loc[mine, "certainty"], knots["certainty"], knots["accuracy"])
    return found


def learned(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the knots of the map of certainties that data sets give."""
    parts = [part for _, part in cells.groupby("dataset")]
    fitted = calibrate(
        [part["certainty"].to_numpy() for part in parts],
        [part["correct"].to_numpy() for part in parts],
    )
    return pd.DataFrame({"certainty": fitted.certainty, "accuracy": fitted.accuracy})


def quoted(summary: pd.DataFrame) -> pd.DataFrame:
    """Return what every report quotes: the rules that are told no number, ours first."""
    names = {OURS: "groups that models agree on", TUNED: "the same, merged as other sets say"}
    told = summary["rule"].str.endswith(GIVEN) | summary["rule"].str.startswith(f"{ANSWER}:")
    others = ~told & summary["rule"].ne(TUNED)
    by_rule = summary.set_index("rule", drop=False)
    rows = [by_rule.loc[rule] for rule in (OURS, TUNED, *summary.loc[others, "rule"])]
    return ANSWER_EVIDENCE.frame(
        {
            "rule": names.get(row["rule"], row["rule"]),
            "ours": row["rule"] in names,
            "n_datasets": row["sets"],
            "ari": row["ari"],
            "low": row["low"],
            "high": row["high"],
            "n_near": row["number within 1.5"],
        }
        for row in rows
    )


def _markdown(table: pd.DataFrame) -> str:
    lines = [list(table.columns), ["---"] * table.shape[1], *table.itertuples(index=False)]
    return "\n".join("| " + " | ".join(map(_text, line)) + " |" for line in lines)


def _text(value: object) -> str:
    if isinstance(value, float):
        return "-" if np.isnan(value) else f"{value:.0f}" if value >= 2 else f"{value:.3f}"
    return str(value)


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t")
