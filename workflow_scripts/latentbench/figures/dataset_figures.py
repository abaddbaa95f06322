"""The figures of one data set by name: what each is drawn from and what its caption says."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from latentbench.figures.health_figures import calibration_figure, latents_figure
from latentbench.figures.map_figures import confusion_figure, maps_figure, usage_figure
from latentbench.figures.maps import UNMAPPED_KINDS
from latentbench.figures.score_figures import scores_figure
from latentbench.figures.style import model_colours, model_order
from latentbench.figures.training_figures import losses_figure
from latentbench.report.tables import StudyTables, best_model, chosen_seed


@dataclass(frozen=True)
class Material:
    """All that the figures of one data set show: its tables, its maps table, and the clusters that
    ``gather_clusters`` returns.
    """

    tables: StudyTables
    maps: pd.DataFrame
    found: pd.DataFrame


def _scores(material: Material) -> Figure:
    return scores_figure(material.tables, material.tables.datasets)


def _losses(material: Material) -> Figure:
    return losses_figure(material.tables)


def _maps(material: Material) -> Figure:
    mapped = set(material.maps["model"])
    return maps_figure(
        material.maps, [model for model in model_order(material.tables.kinds) if model in mapped]
    )


def _confusion(material: Material) -> Figure:
    """The best contestant's replica that was chosen without labels, on test cells."""
    tables, model = material.tables, best_model(material.tables)
    if model is None:
        return confusion_figure(material.found.iloc[:0], "no contestant has a score")
    found, seed = material.found, chosen_seed(tables, model)
    return confusion_figure(
        found[(found["model"] == model) & (found["seed"] == seed) & (found["split"] == "test")],
        f"{model}, seed {seed}",
    )


def _usage(material: Material) -> Figure:
    kinds = material.tables.kinds
    # Clusters made of the labels have the sizes of the labels, which are drawn already.
    return usage_figure(
        material.found,
        {
            model: colour
            for model, colour in model_colours(kinds).items()
            if kinds[model] not in UNMAPPED_KINDS
        },
    )


DATASET_FIGURES: dict[str, Callable[[Material], Figure]] = {
    "scores": _scores,
    "maps": _maps,
    "losses": _losses,
    "usage": _usage,
    "confusion": _confusion,
    "calibration": lambda material: calibration_figure(material.tables),
    "latents": lambda material: latents_figure(material.tables),
}
