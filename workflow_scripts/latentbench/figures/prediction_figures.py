"""The figure of the predictions: how well every method predicts cells that were hidden from it."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentbench.figures.inputs import Inputs
from latentbench.figures.score_figures import SAW_LABELS_MARK
from latentbench.figures.style import CONTROL_COLOURS, INK, WIDTH, model_colours, nothing_to_show
from latentbench.prediction.metrics import METRICS
from latentbench.prediction.requests import ALL_CELLS, CELL_TYPE
from latentbench.prediction.tables import ALL_METHODS, asked_about

METRIC_NAMES = {
    "r2_mean": "r², means",
    "r2_mean_top100": "r², means of 100 genes",
    "r2_change": "r², change",
    "r2_variance": "r², variances",
}


def predictions_figure(predictions: pd.DataFrame) -> Figure:
    """Draw every metric: a row of panels for every data set and protocol; what was asked of cells
    that were seen in training says so.
    """
    colours = method_colours(predictions)
    asked = predictions[predictions["model"] != ALL_METHODS].assign(
        asked=lambda rows: asked_about(rows["cell_type"])
    )
    if asked.empty:
        of_all = predictions[predictions["cell_type"] == ALL_CELLS]
        return nothing_to_show("; ".join(dict.fromkeys(of_all["reason"])))
    blocks = dict(iter(asked.groupby(["dataset", "hidden", "asked"], sort=True)))
    shown = {
        key: [method for method in colours if method in set(rows["model"])]
        for key, rows in blocks.items()
    }
    figure, axes = plt.subplots(
        *(len(shown), len(METRICS)),
        figsize=(WIDTH, sum(0.75 + 0.2 * len(methods) for methods in shown.values())),
        height_ratios=[len(methods) + 2 for methods in shown.values()],
        squeeze=False,
        sharex=True,
    )
    for row, (key, rows) in zip(axes, blocks.items(), strict=True):
        for ax, metric in zip(row, METRICS, strict=True):
            plot_predictions(
                ax,
                rows[rows["metric"] == metric],
                {method: colours[method] for method in shown[key]},
            )
            ax.set_xlabel(METRIC_NAMES[metric])
            ax.label_outer(remove_inner_ticks=True)
        name_block(row[0], question_name(*key))
    return figure


def name_block(ax: Axes, name: str, *, above: float = 3.0) -> None:
    """Write the name of a row of panels over its first one, ``above`` points up: as a title it
    would take the room of the panels beside it.
    """
    ax.annotate(
        name,
        (0, 1),
        (0, above),
        "axes fraction",
        "offset points",
        weight="bold",
        size=8.5,
        va="bottom",
    ).set_in_layout(False)
    if not ax.get_title(loc="left"):
        ax.set_title(" ")  # keeps the room above


def question_name(dataset: str, hidden: str, asked: str) -> str:
    """Return what was asked, in words: the data set alone where cells were hidden, which is the
    rule.
    """
    return dataset if hidden == CELL_TYPE else f"{dataset}, {asked}, nothing hidden (in-sample)"


def plot_predictions(ax: Axes, predictions: pd.DataFrame, colours: Mapping[str, str]) -> Axes:
    """Draw one metric on one data set: for every method a bar at the mean over cell types and
    seeds, a dot for every seed's mean over cell types.
    """
    for y, (method, colour) in enumerate(colours.items()):
        values = predictions[(predictions["model"] == method) & predictions["value"].notna()]
        if len(values):
            ax.barh(y, values["value"].mean(), height=0.6, color=colour, alpha=0.45, lw=0)
            of_seeds = values.groupby("seed", dropna=False)["value"].mean()
            ax.plot(
                of_seeds,
                [y] * len(of_seeds),
                "o",
                ms=2.8,
                mew=0,
                color=INK,
                alpha=0.7,
                clip_on=False,
            )
    saw = set(predictions.loc[predictions["saw_labels"], "model"])
    ax.set_yticks(
        range(len(colours)),
        [method + (SAW_LABELS_MARK if method in saw else "") for method in colours],
    )
    ax.set_ylim(len(colours) - 0.4, -0.6)
    ax.set(xlim=(0, 1), xticks=[0, 0.5, 1])
    ax.tick_params(axis="y", length=0)
    ax.xaxis.grid(True)
    return ax


def method_colours(predictions: pd.DataFrame) -> dict[str, str]:
    """Return a colour for every method, in the order in which they are shown: models, then, in
    grey, what needs no network and so has no seed.
    """
    return in_order(predictions[predictions["model"] != ALL_METHODS])


def in_order(asked: pd.DataFrame) -> dict[str, str]:
    """Return a colour for every method that answered, in that order: those with a seed first;
    columns model and seed.
    """
    has_seed = asked.groupby("model", sort=True)["seed"].apply(lambda seeds: seeds.notna().any())
    models = model_colours({str(model): "" for model in has_seed.index[has_seed]})
    return models | dict(zip(has_seed.index[~has_seed], CONTROL_COLOURS.values(), strict=False))


def predictions(given: Inputs) -> Figure:
    return predictions_figure(given.frame("predictions"))
