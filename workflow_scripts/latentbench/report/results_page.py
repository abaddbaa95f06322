"""The results of a study as one Markdown page for the repository: every number is one of a table's,
with the command that makes it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from latentbench.evaluation.statistics import ALL_DATASETS
from latentbench.outcomes import Outcome
from latentbench.report.choice_views import CRITERION_NAMES, chosen_sentence
from latentbench.report.published_views import counted_sentence, published_rows
from latentbench.report.tables import StudyTables, headline
from latentbench.study.applicability import CONTROL_KINDS

FIGURES = {
    "scores": "ARI, NMI and ACC of every variant on every data set, a dot for every seed.",
    "ranks": "Mean ranks over data sets; variants under one bar are not told apart.",
}


def results_page(
    tables: StudyTables,
    *,
    published: pd.DataFrame,
    ranks: pd.DataFrame,
    tests: pd.DataFrame,
    evidence: pd.DataFrame,
    datasets: Sequence[Mapping[str, Any]],
    config: Mapping[str, Any],
    command: str,
) -> str:
    """Return the page.

    ``datasets``: name, n_obs, n_vars, n_labels of each, as they were after preparation;
    ``command``: what runs the study; the other arguments are tables."""
    parts = [
        (
            f"# Results: {config['report']['title']}\n\nWritten by the pipeline from its tables; do"
            f" not edit.\n\n```bash\n{command}\n```\n"
        ),
        _sizes(tables, datasets, config),
        _published(published),
        _why_below(config) if len(published) else "",
        _figures(),
        _ranks(ranks, tests),
        *[_scores(tables.of_dataset(data["name"]), data["name"]) for data in datasets],
        _choices(tables, evidence),
        _failures(tables),
    ]
    return "\n".join(parts)


def _sizes(
    tables: StudyTables, datasets: Sequence[Mapping[str, Any]], config: Mapping[str, Any]
) -> str:
    status = tables.status[tables.status["status"] != Outcome.NOT_APPLICABLE]
    at_most = config["preprocessing"].get("max_obs")
    drawn = (
        f"At this scale at most {at_most} cells or images of a data set are looked at, drawn at"
        " random. "
        if at_most
        else ""
    )
    sentence = (
        f"Scale `{config.get('scale', 'full')}`, seeds {', '.join(map(str, config['seeds']))}."
        f" {drawn}Scores are means over seeds on held-out test cells (a fifth), in brackets the 95"
        " % bootstrap interval; no label was used to choose anything. † saw labels in training."
    )
    rows = [
        [
            data["name"],
            data["n_obs"],
            data["n_vars"],
            data["n_labels"],
            status[status["dataset"] == data["name"]]["model"].nunique() - 1,
        ]
        for data in datasets
    ]
    header = ["data set", "cells", "variables", "classes", "variants"]
    return f"## What was run\n\n{sentence}\n\n{_table(header, rows)}"


def _published(published: pd.DataFrame) -> str:
    if published.empty:
        return ""
    rows = [
        [
            row["experiment"],
            f"`{row['model']}`",
            row["metric"],
            " ".join(filter(None, [row["ours"]["mean"], row["ours"]["interval"]])),
            row["theirs"],
            f"{row['source']}: {row['protocol']}",
            row["standing"] if row["ours"]["value"] else row["reason"],
            row["bar"],
            row["remark"],
        ]
        for row in published_rows(published)
    ]
    header = [
        "experiment",
        "variant",
        "metric",
        "ours",
        "published",
        "by",
        "ours is",
        "our bar",
        "remark",
    ]
    return (
        "## Beside the published"
        f" numbers\n\n{counted_sentence(published)}\n\n{_table(header, rows)}"
    )


def _why_below(config: Mapping[str, Any]) -> str:
    at_most = config["preprocessing"].get("max_obs")
    reasons = [
        (
            "Published numbers are mostly of one run, often the best of several, on all cells; ours"
            " are means over all seeds on held-out cells, and nothing was picked with the help of"
            " labels."
        ),
        (
            "Purity rises with the number of clusters by itself. Louvain chose its own in the"
            " thesis, ours is given the declared one."
        ),
        (
            "`n2d` and `scdeepcluster` are trained for a fraction of their papers' epochs; the"
            " variants with the papers' (`n2d_wide`, `scdeepcluster_long`) are in"
            " config/models.yaml and were not part of this study."
        ),
    ]
    if at_most:
        reasons.insert(
            0,
            f"At this scale models see at most {at_most} cells or images of a data set, four fifths"
            " of them in training; published numbers on MNIST and Fashion-MNIST are from 60,000 or"
            " 70,000. The remarks say where a larger study of ours exists.",
        )
    return "## Where ours is below, and why\n\n" + "".join(f"- {reason}\n" for reason in reasons)


def _figures() -> str:
    return "\n".join(
        f"![{caption}](images/results/{name}.png)\n" for name, caption in FIGURES.items()
    )


def _ranks(ranks: pd.DataFrame, tests: pd.DataFrame) -> str:
    over_all = ranks[ranks["scope"] == ALL_DATASETS].sort_values("mean_rank", kind="stable")
    rows = [
        [
            f"`{row.model}`",
            _estimate(row.mean_rank, row.rank_low, row.rank_high, 2),
            row.cliques or "–",
        ]
        for row in over_all.itertuples()
    ]
    friedman = tests[(tests["scope"] == ALL_DATASETS) & (tests["test"] == "iman_davenport")]
    said = (
        f"Friedman's test (Iman and Davenport) over {int(friedman['n_datasets'].iloc[0])} data"
        f" sets: p = {friedman['p_value'].iloc[0]:.3g}."
        if len(friedman) and friedman["status"].iloc[0] == Outcome.OK
        else "There is no test over all data sets."
    )
    return (
        f"## Ranks over data sets\n\n{said} Variants that share a letter are not told"
        f" apart.\n\n{_table(['variant', 'mean rank', 'group'], rows)}"
    )


def _scores(tables: StudyTables, dataset: str) -> str:
    _, summary = headline(tables)
    wide = {model: rows.set_index("metric") for model, rows in summary.groupby("model")}
    order = sorted(wide, key=lambda model: -_mean(wide[model], "ari"))
    rows = []
    for model in order:
        of_model = wide[model]
        name = (
            f"`{model}`"
            + (" †" if of_model["saw_labels"].any() else "")
            + (" (control)" if tables.kinds.get(model) in CONTROL_KINDS else "")
        )
        metrics = [
            (
                _estimate(*of_model.loc[metric, ["mean", "low", "high"]])
                if metric in of_model.index
                else "–"
            )
            for metric in ("ari", "nmi", "acc", "purity")
        ]
        lowest = f"{of_model.loc['ari', 'lowest']:.3f}" if "ari" in of_model.index else "–"
        rows.append(
            [name, of_model["clustering"].iloc[0], *metrics, lowest, int(of_model["n_ok"].max())]
        )
    header = ["variant", "clusters", "ARI", "NMI", "ACC", "purity", "lowest ARI of a seed", "seeds"]
    return f"## {dataset}\n\n{_table(header, rows)}"


def _choices(tables: StudyTables, evidence: pd.DataFrame) -> str:
    rows = [
        [
            "a seed" if row.level == "seed" else "a variant",
            CRITERION_NAMES[row.criterion] + (" **(in force)**" if row.in_force else ""),
            _estimate(row.gain, row.low, row.high),
            f"{row.n_choices} on {row.n_datasets}",
        ]
        for row in evidence.itertuples()
    ]
    header = ["to choose", "by the", "gain in ARI over a random pick", "choices"]
    return (
        "## Choosing without"
        f" labels\n\n{chosen_sentence(tables.choices, evidence)}\n\n{_table(header, rows)}"
    )


def _failures(tables: StudyTables) -> str:
    ended = tables.status[~tables.status["status"].isin([Outcome.OK, Outcome.NOT_APPLICABLE])]
    if ended.empty:
        return "## What did not work\n\nEvery replica of every variant ended well.\n"
    rows = [
        [row.dataset, f"`{row.model}`", int(row.seed), row.status, row.reason]
        for row in ended.itertuples()
    ]
    return (
        "## What did not"
        f" work\n\n{_table(['data set', 'variant', 'seed', 'outcome', 'reason'], rows)}"
    )


def _mean(rows: pd.DataFrame, metric: str) -> float:
    value = rows["mean"].get(metric)
    return -1.0 if value is None or pd.isna(value) else float(value)


def _estimate(mean: float, low: float, high: float, digits: int = 3) -> str:
    if pd.isna(mean):
        return "–"
    return f"{mean:.{digits}f}" + (
        "" if pd.isna(low) else f" [{low:.{digits}f}, {high:.{digits}f}]"
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(
        f"| {' | '.join(str(cell).replace('|', '&#124;') for cell in line)} |\n" for line in lines
    )
