"""Whether the fitted models are sound, whatever their scores: measures, and what is flagged."""

from collections.abc import Mapping
from typing import Any

from latentbench.figures.style import model_colours, model_order
from latentbench.report.cells import Cell, Table, number, table
from latentbench.report.flags import RULES, flags, measures
from latentbench.report.results import Results
from latentbench.report.sections import Section
from latentbench.report.tables import StudyTables
from latentbench.study.applicability import CONSENSUS, CONTROL_KINDS

MEASURES = {
    "Active units": ("active_units", 1),
    "Collapsed dimensions": ("collapsed", 1),
    "Components in use": ("components_in_use", 1),
    "Information": ("mutual_information", 2),
    "Usage entropy": ("usage_entropy", 2),
    "Confidence": ("confidence", 2),
    "Calibration error": ("ece", 2),
    "Agreement of seeds": ("agreement", 2),
}
"""The measures by the heads of their columns, each with its digits."""


def view(results: Results) -> dict[str, Any]:
    """Return the table of every data set, and how many models are flagged in a sentence."""
    flagged = {
        dataset: flags_of(results.tables.of_dataset(dataset), results.n_clusters(dataset))
        for dataset in results.datasets
    }
    return {
        "sentence": sentence(flagged),
        "rules": RULES,
        "tables": {
            dataset: health_table(results.tables.of_dataset(dataset), of_models)
            for dataset, of_models in flagged.items()
        },
    }


def flags_of(tables: StudyTables, declared: int | None) -> dict[str, list[str]]:
    """Return what is wrong with every model of one data set but controls and consensus."""
    kinds = {
        model: kind
        for model, kind in tables.kinds.items()
        if kind not in CONTROL_KINDS and kind != CONSENSUS
    }
    ran = set(tables.status["model"])
    return {
        model: flags(measures(tables, model), declared)
        for model in model_order(kinds)
        if model in ran
    }


def health_table(tables: StudyTables, flagged: Mapping[str, list[str]]) -> Table | None:
    """Return a row for every model: its flags in words, and its measures."""
    colours, rows = model_colours(tables.kinds), []
    for model, said in flagged.items():
        found = measures(tables, model)
        rows.append(
            {
                "Model": Cell(model, colour=colours[model]),
                "Flagged": "; ".join(said) or "nothing",
                **{
                    head: number(found.get(name), digits)
                    for head, (name, digits) in MEASURES.items()
                },
            }
        )
    return table(rows)


def sentence(flagged: Mapping[str, Mapping[str, list[str]]]) -> str:
    """Return how many models of each data set are flagged."""
    counts = {name: sum(map(bool, models.values())) for name, models in flagged.items()}
    if not any(counts.values()):
        return "Nothing is flagged."
    said = (f"{n} of {len(flagged[name])} models on {name}" for name, n in counts.items())
    return f"Flagged: {', '.join(said)}."


SECTION = Section(90, "Health", view)
