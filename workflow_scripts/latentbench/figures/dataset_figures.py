"""The figures of one data set by name: what each is drawn from and what its caption says."""

from matplotlib.figure import Figure

from latentbench.figures.inputs import Inputs
from latentbench.figures.map_figures import confusion_figure, maps_figure, usage_figure
from latentbench.figures.maps import UNMAPPED_KINDS
from latentbench.figures.style import model_colours, model_order
from latentbench.report.tables import best_model, chosen_seed


def maps(given: Inputs) -> Figure:
    mapped = set(given.frame("maps")["model"])
    return maps_figure(
        given.frame("maps"), [model for model in model_order(given.tables.kinds) if model in mapped]
    )


def confusion(given: Inputs) -> Figure:
    """The best contestant's replica that was chosen without labels, on test cells."""
    tables, model = given.tables, best_model(given.tables)
    if model is None:
        return confusion_figure(given.clusters.iloc[:0], "no contestant has a score")
    found, seed = given.clusters, chosen_seed(tables, model)
    return confusion_figure(
        found[(found["model"] == model) & (found["seed"] == seed) & (found["split"] == "test")],
        f"{model}, seed {seed}",
    )


def usage(given: Inputs) -> Figure:
    kinds = given.tables.kinds
    # Clusters made of the labels have the sizes of the labels, which are drawn already.
    return usage_figure(
        given.clusters,
        {
            model: colour
            for model, colour in model_colours(kinds).items()
            if kinds[model] not in UNMAPPED_KINDS
        },
    )
