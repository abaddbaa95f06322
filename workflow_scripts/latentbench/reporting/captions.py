"""What every figure of the report is called, says and is made from: one record a figure, read by the page, its figure browser and the alternative texts.

To add a figure to the report, add a record here and its files to the rule that draws it. Only light imports: the workflow asks for the names.

In titles, captions and tables ``{dataset}`` stands for the data set and ``{shown}`` for the cells that its maps show.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Scope = Literal["study", "dataset", "plate"]


@dataclass(frozen=True)
class Caption:
    """One figure: ``figures/{name}``, ``figures/{dataset}/{name}`` or ``figures/plates/{kind}``, by its ``scope``, as pdf, svg and png.

    ``section``: where the page shows it, None for a figure that the figure browser alone lists; ``least``: the width below which it scrolls sideways.
    """

    name: str
    scope: Scope
    short: str
    title: str
    caption: str
    table: str
    section: str | None
    least: str = "36rem"


CAPTIONS: tuple[Caption, ...] = (
    Caption(
        "scores",
        "study",
        "Scores",
        "Scores on every data set: ARI, NMI and ACC of every model, a dot for every seed",
        "Each dot is one seed; the tick is their mean, the line its 95 % interval. Grey: controls. † saw the labels.",
        "tables/scores.tsv",
        None,
    ),
    Caption(
        "ranks",
        "study",
        "Ranks",
        "Mean ranks of the models over data sets, with bars over groups that are not told apart",
        "Each model is led to its mean rank. Models under one bar are not told apart.",
        "tables/ranks.tsv",
        "certainty",
    ),
    Caption(
        "cost",
        "study",
        "Time and memory",
        "Training time and peak memory of every replica, by data set and model",
        "Each dot is one replica, the bar their median. Seeds are trained side by side, so its seconds depend on the machine and on what ran beside it.",
        "tables/status.tsv",
        "cost",
    ),
    Caption(
        "predictions",
        "study",
        "Predictions",
        "Squared correlation of predicted and hidden cells, by method, with a dot for every seed",
        "A bar is the mean over cell types and seeds, a dot the mean of one seed over cell types. Grey: no network. That most genes hardly change makes the "
        "correlation of means high for no prediction at all; the change tells methods apart.",
        "tables/predictions.tsv",
        "predictions",
    ),
    Caption(
        "scores",
        "dataset",
        "Scores",
        "Scores on {dataset}: ARI, NMI and ACC of every model, a dot for every seed",
        "Each dot is one seed; the tick is their mean, the line its 95 % interval. Grey: controls. † saw the labels. “4 of 5” beside a row: so many seeds "
        "ended well.",
        "tables/scores.tsv",
        "scores",
    ),
    Caption(
        "maps",
        "dataset",
        "Maps",
        "Maps of the embeddings of {dataset}, coloured by truth and by cluster",
        "{shown}.",
        "maps/{dataset}.parquet",
        "maps",
        "34rem",
    ),
    Caption(
        "losses",
        "dataset",
        "Loss terms",
        "Loss terms over epochs on {dataset}, for every model and seed",
        "Loss terms over epochs, a line for every seed. The fall over the first twentieth of the epochs may leave the axis at the top.",
        "tables/history.parquet",
        "training",
    ),
    Caption(
        "usage",
        "dataset",
        "Sizes of clusters",
        "Shares of the cells in each cluster on {dataset}, for every model and seed",
        "How the cells spread over the clusters: one bar a seed, clusters from the largest to the smallest. One wide block is a collapsed clustering.",
        "clusters/{dataset}/",
        "training",
        "30rem",
    ),
    Caption(
        "confusion",
        "dataset",
        "Confusion matrix",
        "Confusion matrix of labels and clusters on {dataset}",
        "Test cells of each label in each cluster, for the contestant with the highest mean ARI; its seed is chosen by the rule in force, without labels. "
        "Shade: share of the label’s cells.",
        "clusters/{dataset}/",
        "training",
        "26rem",
    ),
    Caption(
        "calibration",
        "dataset",
        "Calibration",
        "Accuracy against confidence of the cluster probabilities on {dataset}, for every model that gives them",
        "Test cells by how sure the model is of their cluster, and how many of them are in the class that this cluster is matched to on training cells. On the "
        "diagonal probabilities mean what they say; below it the model is too sure. ECE: the mean distance from the diagonal, cells weighing alike.",
        "tables/reliability.tsv",
        "training",
        "34rem",
    ),
    Caption(
        "latents",
        "dataset",
        "Latent dimensions",
        "Divergence of each latent dimension from its prior on {dataset}, for every model that has one",
        "How much each latent dimension says of a cell, from the most to the least, a line for every seed. A dimension at zero is not used.",
        "tables/quality.tsv",
        "training",
        "34rem",
    ),
)

PLATE = Caption(
    "plates",
    "plate",
    "Plate diagrams",
    "Plate diagram of {kind}",
    "The model as its code declares it. Circle: random variable; double circle: computed from others; square: hyperparameter; shaded: observed. Solid arrow: "
    "the generative model p; dotted line with a round head: the inference model q. The rectangle is repeated for every cell.",
    "docs/models.md",
    "methods",
    "34rem",
)


def caption_of(name: str, scope: Scope) -> Caption:
    """Return the record of a figure.

    Raises:
        ValueError: there is none.
    """
    for record in CAPTIONS:
        if (record.name, record.scope) == (name, scope):
            return record
    raise ValueError(f"figure '{name}' of a {scope} has no caption; add its record to reporting/captions.py")


def names_of(scope: Scope) -> list[str]:
    """Return the names of the figures of the study or of a data set, in the order of the page."""
    return [record.name for record in CAPTIONS if record.scope == scope]


def described(record: Caption, *, stem: str, **facts: str) -> dict[str, str]:
    """Return what the page says of one figure: its record with ``facts`` filled in; ``stem``: its files under figures/, without suffix."""
    texts = {key: _filled(getattr(record, key), facts) for key in ("title", "caption", "table")}
    plain = {key: getattr(record, key) or "" for key in ("name", "scope", "short", "section", "least")}
    identifier = "figure-" + "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in stem)
    return {**texts, **plain, "kind": facts.get("kind", ""), "stem": stem, "id": identifier}


def _filled(text: str, facts: Mapping[str, str]) -> str:
    for name, value in facts.items():
        text = text.replace(f"{{{name}}}", value)
    return text
