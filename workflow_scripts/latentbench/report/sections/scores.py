"""Agreement of every variant's headline clustering with the labels, where there are labels."""

from typing import Any

import pandas as pd

from latentbench.evaluation.score_rows import ORACLE
from latentbench.figures.style import model_colours, model_order
from latentbench.report.cells import Cell, Table, estimate_of, number, table
from latentbench.report.figures import placed
from latentbench.report.results import Results
from latentbench.report.sections import Section
from latentbench.report.tables import HEADLINE_METRICS, StudyTables, best_model, headline
from latentbench.study.applicability import CONSENSUS, CONTROL_KINDS


def view(results: Results) -> dict[str, Any] | None:
    """Return by data set with labels its figures and its table."""
    found = {
        dataset: {
            "figures": placed(results, "scores", dataset),
            "table": scores_table(results.tables.of_dataset(dataset)),
            "tuned": results.tables.of_dataset(dataset).summary["tuned_here"].astype(bool).any(),
            "circular": results.is_circular(dataset),
        }
        for dataset in results.datasets
        if results.has_labels(dataset)
    }
    return {"datasets": found} if found else None


def scores_table(tables: StudyTables) -> Table | None:
    """Return a row for every model of one data set: headline metrics on test cells with their
    intervals, clusters found, seeds that ended well.
    """
    _, summary = headline(tables)
    colours, best = model_colours(tables.kinds), best_model(tables)
    rows, styles = [], []
    for model in model_order(tables.kinds):
        of_model = summary[summary["model"] == model].set_index("metric")
        if of_model.empty:
            continue
        ari = of_model.loc["ari"]
        ok, ended = int(ari["n_ok"]), int(ari["n_ok"] + ari["n_failed"])
        rows.append(
            {
                "Model": Cell(model + marks_of(ari), colour=colours[model]),
                "Clustering": ari["clustering"],
                **{
                    name: estimate_of(of_model.loc[metric] if metric in of_model.index else None)
                    for metric, name in HEADLINE_METRICS.items()
                },
                "Consensus of seeds: ARI": _ari_of(tables, model, CONSENSUS),
                "Oracle: ARI": _ari_of(tables, model, ORACLE),
                "Clusters": number(of_model["mean"].get("n_clusters_found"), 1),
                "Seeds": Cell(f"{ok} of {ended}", repr(float(ok)), number=True),
            }
        )
        control = tables.kinds[model] in CONTROL_KINDS
        styles.append("control" if control else "best" if model == best else "")
    return table(rows, styles=styles, lead="ARI")


def marks_of(summary: pd.Series) -> str:
    """Return the marks after a model's name: † where it saw labels, ‡ where it was tuned on those
    of this data set.
    """
    return (" †" if summary["saw_labels"] else "") + (" ‡" if summary["tuned_here"] else "")


def mean_ari(tables: StudyTables, model: str) -> Cell:
    """Return the ARI of the headline clustering of a model of one data set, with its interval."""
    _, summary = headline(tables)
    found = summary[(summary["model"] == model) & (summary["metric"] == "ari")]
    return estimate_of(None if found.empty else found.iloc[0])


def _ari_of(tables: StudyTables, model: str, clustering: str) -> Cell:
    """Return the mean ARI on test cells of a clustering that is no headline."""
    rows = tables.summary
    rows = rows[
        (rows["model"] == model)
        & (rows["clustering"] == clustering)
        & (rows["split"] == "test")
        & (rows["metric"] == "ari")
    ]
    return number(None if rows.empty else float(pd.to_numeric(rows["mean"]).iloc[0]), 3)


SECTION = Section(40, "Scores", view)
