"""The groups that were found without labels: their table, tree and doubts, who agrees on them, and
the models.
"""

from typing import Any

import pandas as pd

from latentbench.figures.style import label_colours, model_colours
from latentbench.files.tables import HELD_OUT
from latentbench.report.answer import DatasetAnswer, answers
from latentbench.report.cells import Cell, Table, number, table
from latentbench.report.figures import placed
from latentbench.report.flags import flags, measures
from latentbench.report.results import Results
from latentbench.report.sections import Section
from latentbench.report.sections.scores import mean_ari
from latentbench.report.tree import drawn_tree


def view(results: Results) -> dict[str, Any] | None:
    """Return what is shown of every data set that has an answer."""
    found = {
        dataset: {
            "figures": placed(results, "groups", dataset),
            "groups": groups_table(answer),
            "tree": drawn_tree(answer.tree, colours_of(answer)),
            "agreement": agreement_rows(answer.agreement),
            "models": models_table(results, dataset, answer),
            "labelled": results.has_labels(dataset),
            "fresh": answer.summary["tested_on"] == HELD_OUT,
            "doubts": answer.doubts(),
        }
        for dataset, answer in answers(results).items()
    }
    return {"datasets": found} if found else None


def colours_of(answer: DatasetAnswer) -> dict[int, str]:
    """Return a colour for every group."""
    groups = [int(group) for group in answer.groups["group"]]
    colours = label_colours([str(group) for group in groups])
    return {group: colours[str(group)] for group in groups}


def groups_table(answer: DatasetAnswer) -> Table | None:
    """Return a row a group."""
    colours = colours_of(answer)
    return table(
        {
            "Group": Cell(str(row.group), colour=colours[row.group]),
            "Cells": number(row.cells),
            "Share (%)": number(100 * row.share, 1),
            "Certainty": number(row.certainty, 2),
            "Support: cells": number(row.support_cells, 2),
            "seeds": number(row.support_seeds, 2),
            "models": number(row.support_variants, 2),
            "Nearest": number(row.nearest),
            "AUC to nearest": number(row.separability, 2),
            "Told apart": Cell(row.told_apart, warns=row.told_apart == "no"),
            "Markers": ", ".join(gene.strip() for gene in row.markers.split(",")),
        }
        for row in answer.groups.sort_values("group").itertuples()
    )


def models_table(results: Results, dataset: str, answer: DatasetAnswer) -> Table | None:
    """Return a row a model, the best first; with labels, their ARI beside it."""
    tables = results.tables.of_dataset(dataset)
    colours = model_colours(results.tables.kinds)
    declared = results.n_clusters(dataset)
    cost = results.table("cost")
    cost = cost[cost["dataset"] == dataset].set_index("model")
    labelled = results.has_labels(dataset)
    models = answer.models.sort_values(["score", "model"], ascending=[False, True], kind="stable")
    return table(
        (
            {
                "Model": Cell(row.model, colour=colours.get(row.model, "")),
                "Agreement": number(row.agreement, 2),
                "Stability": number(row.stability, 2),
                "Predictive score": number(row.predictive, 3),
                "Chosen in (%)": number(100 * row.chance),
                "ARI with labels": mean_ari(tables, row.model) if labelled else "",
                "Health": "; ".join(flags(measures(tables, row.model), declared)) or "sound",
                "Seconds": number(cost["seconds"].get(row.model), 1),
                "Memory (MB)": number(cost["peak_memory_mb"].get(row.model)),
            }
            for row in models.itertuples()
        ),
        styles=["best" if chosen else "" for chosen in models["chosen"].astype(bool)],
        lead="Agreement",
    )


def agreement_rows(agreement: pd.DataFrame) -> dict[str, Any] | None:
    """Return the names of the models and, by model, its ARI with each of them; None for one
    model.
    """
    wide = agreement.pivot_table(index="model", columns="other", values="ari")
    if len(wide) < 2:
        return None
    # Those that agree with the others most come first.
    order = wide.mean().sort_values(ascending=False, kind="stable").index
    wide = wide.loc[order, order]
    return {
        "models": list(order),
        "rows": {
            model: [
                {"text": number(value, 2).text, "share": 0.0 if pd.isna(value) else max(0.0, value)}
                for value in wide.loc[model]
            ]
            for model in order
        },
    }


SECTION = Section(15, "Groups", view)
