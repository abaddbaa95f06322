"""The results of a study as one Markdown page for the repository: every number is one of a table's,
with the command that makes it.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from latentbench.evaluation.statistics import ALL_DATASETS
from latentbench.outcomes import Outcome
from latentbench.report.cells import NOTHING, estimate, estimate_of, markdown
from latentbench.report.results import Results
from latentbench.report.sections.choices import CRITERION_NAMES, chosen_sentence
from latentbench.report.sections.published import counted_sentence, published_table
from latentbench.report.sections.ranks import over_all_datasets
from latentbench.report.sections.scores import marks_of
from latentbench.report.tables import StudyTables, headline
from latentbench.study.applicability import CONTROL_KINDS

FIGURES = {
    "scores": "ARI, NMI and ACC of every variant on every data set, a dot for every seed.",
    "ranks": "Mean ranks over data sets; variants under one bar are not told apart.",
}


def results_page(results: Results, command: str) -> str:
    """Return the page; ``command``: what runs the study."""
    published = results.table_if_any("published")
    tables = results.tables
    parts = [
        (
            f"# Results: {results.config['report']['title']}\n\nWritten by the pipeline from its"
            f" tables; do not edit.\n\n```bash\n{command}\n```\n"
        ),
        _sizes(results),
        "" if published is None else _published(published),
        "" if published is None else _why_below(results.config),
        _figures(),
        _ranks(results),
        *[_scores(tables.of_dataset(dataset), dataset) for dataset in results.datasets],
        _choices(results),
        _failures(tables),
    ]
    return "\n".join(parts)


def _sizes(results: Results) -> str:
    status, config = results.tables.status, results.config
    status = status[status["status"] != Outcome.NOT_APPLICABLE]
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
        " % bootstrap interval; no label chose a seed, a number of clusters or a variant. † saw"
        " labels in training; ‡ its recipe was compared with others by the labels of this data set"
        " before it was kept."
    )
    rows = [
        [
            dataset,
            *(results.prepared(dataset)[size] for size in ("n_obs", "n_vars", "n_labels")),
            status[status["dataset"] == dataset]["model"].nunique() - 1,
        ]
        for dataset in results.datasets
    ]
    header = ["data set", "cells", "variables", "classes", "variants"]
    return f"## What was run\n\n{sentence}\n\n{markdown(header, rows)}"


def _published(published: pd.DataFrame) -> str:
    found = published_table(published)
    header = [name.lower() for name in found.columns]
    rows = [
        [
            f"`{cell}`" if name == "Variant" else cell
            for name, cell in zip(found.columns, row, strict=True)
        ]
        for row in found.rows
    ]
    said = counted_sentence(published)
    return f"## Beside the published numbers\n\n{said}\n\n{markdown(header, rows)}"


def _why_below(config: Mapping[str, Any]) -> str:
    at_most = config["preprocessing"].get("max_obs")
    reasons = [
        (
            "Published numbers are mostly of one run, often the best of several, on all cells; ours"
            " are means over all seeds on held-out cells, and no label chose a seed or a number of"
            " clusters."
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


def _ranks(results: Results) -> str:
    over_all, tests = over_all_datasets(results.table("ranks")), results.table("tests")
    rows = [
        [
            f"`{row.model}`",
            estimate(row.mean_rank, row.rank_low, row.rank_high, 2),
            row.cliques or NOTHING,
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
        f" apart.\n\n{markdown(['variant', 'mean rank', 'group'], rows)}"
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
            + marks_of(of_model.loc["ari"])
            + (" (control)" if tables.kinds.get(model) in CONTROL_KINDS else "")
        )
        metrics = [
            estimate_of(of_model.loc[metric] if metric in of_model.index else None)
            for metric in ("ari", "nmi", "acc", "purity")
        ]
        lowest = f"{of_model.loc['ari', 'lowest']:.3f}" if "ari" in of_model.index else "–"
        rows.append(
            [name, of_model["clustering"].iloc[0], *metrics, lowest, int(of_model["n_ok"].max())]
        )
    header = ["variant", "clusters", "ARI", "NMI", "ACC", "purity", "lowest ARI of a seed", "seeds"]
    return f"## {dataset}\n\n{markdown(header, rows)}"


def _choices(results: Results) -> str:
    evidence = results.table("criteria")
    rows = [
        [
            "a seed" if row.level == "seed" else "a variant",
            CRITERION_NAMES[row.criterion] + (" **(in force)**" if row.in_force else ""),
            estimate(row.gain, row.low, row.high),
            f"{row.n_choices} on {row.n_datasets}",
        ]
        for row in evidence.itertuples()
    ]
    header = ["to choose", "by the", "gain in ARI over a random pick", "choices"]
    said = chosen_sentence(results.tables.choices, evidence)
    return f"## Choosing without labels\n\n{said}\n\n{markdown(header, rows)}"


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
        f" work\n\n{markdown(['data set', 'variant', 'seed', 'outcome', 'reason'], rows)}"
    )


def _mean(rows: pd.DataFrame, metric: str) -> float:
    value = rows["mean"].get(metric)
    return -1.0 if value is None or pd.isna(value) else float(value)
