"""Every figure of a study: which there are, what each is drawn from and by, what it is called and
says.

To add a figure, write a function that takes ``Inputs`` and returns a Matplotlib figure (or why
there is nothing to show), and add its entry to ``FIGURES``. Files, rules, captions, the page, its
list of figures and the docs follow.

In titles, captions and ``data``, ``{dataset}``, ``{kind}`` and ``{shown}`` (the cells on the maps)
are filled in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from latentbench.models import MODELS

Per = Literal["study", "dataset", "kind", "thesis"]
"""What a figure is drawn once for."""


@dataclass(frozen=True)
class Figure:
    """An entry of the catalogue.

    ``per``: what it is drawn once for; ``when``: a condition of jobs.py; ``draw``: module and
    function, under figures/; ``reads``: the names of what it is drawn from, whose files
    rules/figures.smk names; ``kinds``: the kinds of models whose declarations it shows; ``short``:
    its name in lists; ``data``: the file with its numbers, if there is one; ``section``: where the
    page shows it, None for a figure that is listed alone; ``least``: the width below which it
    scrolls sideways.
    """

    name: str
    per: Per
    draw: str
    title: str
    caption: str
    when: str = "always"
    reads: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    short: str = ""
    data: str = ""
    section: str | None = None
    least: str = "36rem"

    def stem(self, of: str = "") -> str:
        """Return its files under figures/, without suffix; ``of``: the data set or the kind."""
        folders = {"study": "", "dataset": f"{of}/", "thesis": "thesis/"}
        return (
            f"plates/{MODELS[of].title}"
            if self.per == "kind"
            else f"{folders[self.per]}{self.name}"
        )

    def described(self, of: str = "", **facts: str) -> dict[str, Any]:
        """Return what is said of it, filled in; ``of``: the data set or the kind."""
        facts = {"dataset": of, "kind": of, **facts}
        texts = {key: _filled(getattr(self, key), facts) for key in ("title", "caption", "data")}
        stem = self.stem(of)
        identifier = "".join(
            letter if letter.isalnum() and letter.isascii() else "-" for letter in stem
        )
        return {
            **texts,
            "name": self.name,
            "per": self.per,
            "short": self.short or self.title,
            "section": self.section or "",
            "least": self.least,
            "kind": of if self.per == "kind" else "",
            "stem": stem,
            "id": f"figure-{identifier}",
        }


FIGURES: tuple[Figure, ...] = (
    Figure(
        "scores",
        per="study",
        when="where_labelled",
        reads=("tables",),
        draw="score_figures:scores",
        short="Scores",
        title="Scores on every data set: ARI, NMI and ACC of every model, a dot for every seed",
        caption="Each dot is one seed; the tick is their mean, the line its 95 % interval. Grey: "
        "controls. † saw the labels.",
        data="tables/scores.tsv",
    ),
    Figure(
        "ranks",
        per="study",
        when="where_ranked",
        reads=("tables", "ranks", "tests"),
        draw="rank_figures:ranks",
        short="Ranks",
        title="Mean ranks of the models over data sets, with bars over groups that are not told "
        "apart",
        caption="Each model is led to its mean rank. Models under one bar are not told apart.",
        data="tables/ranks.tsv",
        section="ranks",
    ),
    Figure(
        "cost",
        per="study",
        reads=("tables",),
        draw="score_figures:cost",
        short="Time and memory",
        title="Training time and peak memory of every replica, by data set and model",
        caption="Each dot is one replica, the bar their median. Seeds are trained side by side, so "
        "its seconds depend on the machine and on what ran beside it.",
        data="tables/status.tsv",
        section="cost",
    ),
    Figure(
        "predictions",
        per="study",
        when="where_predicted",
        reads=("predictions",),
        draw="prediction_figures:predictions",
        short="Predictions",
        title="Squared correlation of predicted and hidden cells, by method, with a dot for every"
        " seed",
        caption="A bar is the mean over cell types and seeds, a dot the mean of one seed over cell "
        "types. Grey: no network. That most genes hardly change makes the correlation of "
        "means high for no prediction at all; the change tells methods apart.",
        data="tables/predictions.tsv",
        section="predictions",
    ),
    Figure(
        "scores",
        per="dataset",
        when="labelled",
        reads=("tables",),
        draw="score_figures:scores",
        short="Scores",
        title="Scores on {dataset}: ARI, NMI and ACC of every model, a dot for every seed",
        caption="Each dot is one seed; the tick is their mean, the line its 95 % interval. Grey: "
        "controls. † saw the labels. “4 of 5” beside a row: so many seeds ended well.",
        data="tables/scores.tsv",
        section="scores",
    ),
    Figure(
        "maps",
        per="dataset",
        reads=("tables", "maps"),
        draw="map_figures:maps",
        short="Maps",
        title="Maps of the embeddings of {dataset}, coloured by truth and by cluster",
        caption="{shown}.",
        data="maps/{dataset}.parquet",
        section="maps",
        least="34rem",
    ),
    Figure(
        "groups",
        per="dataset",
        reads=("maps", "answer_cells", "answer_models"),
        draw="group_figures:groups",
        short="Groups and certainty",
        title="Groups of {dataset} that were found without labels, beside the certainty of every "
        "cell",
        caption="The same map twice: by group, numbered by falling size, and by certainty, the "
        "share of clusterings that place a cell with its group; the least sure cells lie on top. "
        "{shown}.",
        data="tables/answer_groups.tsv",
        section="groups",
        least="30rem",
    ),
    Figure(
        "losses",
        per="dataset",
        when="with_networks",
        reads=("tables",),
        draw="training_figures:losses",
        short="Loss terms",
        title="Loss terms over epochs on {dataset}, for every model and seed",
        caption="Loss terms over epochs, a line for every seed. The fall over the first twentieth "
        "of the epochs may leave the axis at the top.",
        data="tables/history.parquet",
        section="training",
    ),
    Figure(
        "agreement",
        per="dataset",
        reads=("tables", "prepared", "clusters"),
        draw="cluster_figures:agreement",
        short="Agreement between variants",
        title="Agreement of the clusterings of {dataset}, variant by variant",
        caption="Adjusted Rand index of every two variants over all cells, of each the replica that"
        " was chosen without labels. No label is read: variants that agree may still be wrong"
        " together.",
        data="clusters/{dataset}/",
        section="training",
        least="26rem",
    ),
    Figure(
        "quality",
        per="dataset",
        when="of_counts",
        reads=("prepared",),
        draw="quality_figures:quality",
        short="Quality control",
        title="Counts, genes and mitochondrial share of the cells of {dataset}",
        caption="All cells that have a count, and those that quality control keeps (of data sets "
        "of more than 5,000 cells, as many drawn at random); bars are medians. What each limit "
        "took is listed with the data set.",
        data="data/{dataset}/prepared.h5ad",
        section="details",
    ),
    Figure(
        "usage",
        per="dataset",
        reads=("tables", "prepared", "clusters"),
        draw="cluster_figures:usage",
        short="Sizes of clusters",
        title="Shares of the cells in each cluster on {dataset}, for every model and seed",
        caption="How the cells spread over the clusters: one bar a seed, clusters from the largest "
        "to the smallest. One wide block is a collapsed clustering.",
        data="clusters/{dataset}/",
        section="training",
        least="30rem",
    ),
    Figure(
        "confusion",
        per="dataset",
        when="labelled",
        reads=("tables", "prepared", "clusters"),
        draw="cluster_figures:confusion",
        short="Confusion matrix",
        title="Confusion matrix of labels and clusters on {dataset}",
        caption="Test cells of each label in each cluster, for the contestant with the highest mean"
        " ARI; its seed is chosen by the rule in force, without labels. Shade: share of the"
        " label’s cells.",
        data="clusters/{dataset}/",
        section="training",
        least="26rem",
    ),
    Figure(
        "calibration",
        per="dataset",
        when="labelled",
        reads=("tables",),
        draw="cluster_figures:calibration",
        short="Calibration",
        title="Accuracy against confidence of the cluster probabilities on {dataset}, for every "
        "model that gives them",
        caption="Test cells by how sure the model is of their cluster, and how many of them are in "
        "the class that this cluster is matched to on training cells. On the diagonal "
        "probabilities mean what they say; below it the model is too sure. ECE: the mean "
        "distance from the diagonal, cells weighing alike.",
        data="tables/reliability.tsv",
        section="training",
        least="34rem",
    ),
    Figure(
        "latents",
        per="dataset",
        when="with_networks",
        reads=("tables",),
        draw="training_figures:latents",
        short="Latent dimensions",
        title="Divergence of each latent dimension from its prior on {dataset}, for every model "
        "that has one",
        caption="How much each latent dimension says of a cell, from the most to the least, a line "
        "for every seed. A dimension at zero is not used.",
        data="tables/quality.tsv",
        section="training",
        least="34rem",
    ),
    Figure(
        "reconstructions",
        per="dataset",
        when="of_images",
        reads=("tables", "decoded"),
        draw="image_figures:reconstructions",
        short="Reconstructions",
        title="Test images of {dataset} above what each network gives back of them",
        caption="Test images, drawn at random, above what each network gives back of them: what is "
        "expected of the pixels at the mean of the code. First seed that ended ok.",
        data="decoded/{dataset}/",
        section="details",
    ),
    Figure(
        "samples",
        per="dataset",
        when="of_images",
        reads=("tables", "decoded"),
        draw="image_figures:samples",
        short="Samples of the prior",
        title="Samples of the prior of every model of {dataset}, a column for each component",
        caption="A column for each component, a row for each draw of what all components share: the"
        " noise, and w where the model has one. A prior without components has one draw an "
        "image.",
        data="decoded/{dataset}/",
        section="details",
    ),
    Figure(
        "heads",
        per="dataset",
        when="of_images",
        reads=("tables", "decoded"),
        draw="image_figures:heads",
        short="Means of the components",
        title="What every mixture of {dataset} decodes at the mean of each component",
        caption="What each mixture decodes at the mean of each component, w at its mean: what a "
        "cluster stands for.",
        data="decoded/{dataset}/",
        section="details",
    ),
    Figure(
        "traversals",
        per="dataset",
        when="of_images",
        reads=("tables", "decoded"),
        draw="image_figures:traversals",
        short="Walks through the code",
        title="Images of {dataset} decoded along the latent dimensions that say most",
        caption="One latent dimension goes from the 1st to the 99th percentile of the codes of test"
        " images, the others stay those of one test image; the dimensions with the largest "
        "divergence from the prior, in nats beside the row.",
        data="decoded/{dataset}/",
        section="details",
    ),
    Figure(
        "posteriors",
        per="dataset",
        when="of_images",
        reads=("tables", "prepared", "decoded"),
        draw="map_figures:posteriors",
        short="Means and samples of the posteriors",
        title="Maps of {dataset} by the means and by samples of the posteriors",
        caption="The same images laid out by the mean of their posterior and by one sample of it: "
        "where the samples blur what the means keep apart, the posterior is wide.",
        data="decoded/{dataset}/",
    ),
    Figure(
        "responsibilities",
        per="dataset",
        reads=("tables", "embeddings"),
        draw="cluster_figures:responsibilities",
        short="Responsibilities",
        title="Largest cluster probabilities of test cells of {dataset}, for every model and seed",
        caption="Largest cluster probability of every test cell, in twenty bins: a line for every "
        "seed. How sure a model is; the calibration shows whether it is right to be.",
        data="models/{dataset}/",
        section="training",
    ),
    Figure(
        "pca",
        per="dataset",
        reads=("tables", "pca"),
        draw="training_figures:pca",
        short="Principal components",
        title="Variance of {dataset} that the principal components explain, and angles to a "
        "linear autoencoder",
        caption="Variance that each component explains, of training cells and of test cells. Where "
        "a linear autoencoder was trained, its principal angles to as many components: at "
        "the minimum those of the rows of the decoder vanish; those of the columns of the "
        "encoder need not, since a direction in which the cells do not vary changes no "
        "loss.",
        data="pca/{dataset}.parquet",
        section="details",
    ),
    Figure(
        "markers",
        per="dataset",
        when="of_counts",
        reads=("markers",),
        draw="marker_figures:markers",
        short="Marker genes",
        title="Marker genes of clusters and labels of {dataset}",
        caption="Genes that rank first in each cluster of the variant and seed that the study's "
        "rule picks without labels, by Welch's t of log-normalised training cells; below, "
        "the labels. Area: share of the group's cells that express the gene; colour: their "
        "mean expression. The t ranks genes and tests nothing, since the clusters were "
        "found in the same cells.",
        data="tables/markers.tsv",
        section="details",
    ),
    Figure(
        "means",
        per="dataset",
        when="asked_to_predict",
        reads=("means",),
        draw="prediction_figures:means",
        short="Predicted against true means",
        title="Predicted against true mean expression of every gene of {dataset}",
        caption="A dot is a gene, of a network's first seed: of the cell type with most stimulated "
        "cells where these were hidden, of all cells where nothing was hidden (in-sample: "
        "the cells were trained on). The genes whose mean changes most are named; r² of the"
        " means, most of which hardly change, and of the changes.",
        data="predictions/means/{dataset}/",
        section="details",
    ),
    Figure(
        "two_latents",
        per="dataset",
        when="with_two_latents",
        reads=("tables", "prepared", "latents"),
        draw="map_figures:two_latents",
        short="Both latents",
        title="Means and samples of both latents of {dataset}, coloured by class and condition",
        caption="Means and one sample of w and of z, coloured by class and by condition; more than "
        "two dimensions by their first two principal components.",
        data="latents/{dataset}/",
        section="details",
    ),
    Figure(
        "plates",
        per="kind",
        draw="diagrams.plates:plates",
        short="Plate diagrams",
        title="Plate diagram of {kind}",
        caption="The model as its code declares it. Circle: random variable; double circle: "
        "computed from others; square: hyperparameter; shaded: observed. Solid arrow: the "
        "generative model p; dotted line with a round head: the inference model q. The "
        "rectangle is repeated for every cell.",
        section="methods",
        least="34rem",
    ),
    Figure(
        "figure_2_1_neuron",
        per="thesis",
        draw="diagrams.network_figures:neuron",
        title="Figure 2.1: a neuron drawn two ways",
        caption="Left every step: inputs times weights and a bias are summed, and φ of the sum is "
        "the output. Right the same neuron as one unit.",
    ),
    Figure(
        "figure_2_2_layers",
        per="thesis",
        draw="diagrams.network_figures:layered",
        title="Figure 2.2: a strictly layered network, and one with edges that skip a layer",
        caption="Above, every edge joins a layer to the next one. Below, rule 5 has added four "
        "edges that skip a layer; z3 to w3 is marked in the thesis too, and skips none. The"
        " theory's check of definition 2.6 reads these two graphs.",
        data="tables/theory.tsv",
    ),
    Figure(
        "figure_2_3_layer_network",
        per="thesis",
        draw="diagrams.network_figures:layers",
        title="Figure 2.3: units, and one node for each layer",
        caption="Above every unit and every weight of a 3-4-3-2 network, below the same network "
        "with one node for each layer.",
    ),
    Figure(
        "figure_2_4_autoencoder",
        per="thesis",
        draw="diagrams.network_figures:autoencoder",
        title="Figure 2.4: the autoencoder",
        caption="Encoder and decoder are networks of their own; the dotted edges are the identity "
        "on the code.",
    ),
    Figure(
        "figure_3_1_vae",
        per="thesis",
        kinds=("vae",),
        draw="diagrams.thesis_figures:vae",
        title="Figure 3.1: plates of the VAE",
        caption="The generative model p, the inference model q, and both, drawn from what the "
        "model's code declares.",
    ),
    Figure(
        "figure_4_1_mixtures",
        per="thesis",
        kinds=("gmvae", "gmvae_dilokthanakul", "gmvae_dirichlet", "gmvae_conditional"),
        draw="diagrams.thesis_figures:mixtures",
        title="Figure 4.1: plates of the mixture models",
        caption="p (arrows) and q (dotted) of the mixture, with w, with w and the Dirichlet d, "
        "supervised (y observed) and conditional on c, drawn from what the models' code "
        "declares.",
    ),
)


def figure_of(name: str, per: Per) -> Figure:
    """Return an entry by its name.

    Raises:
        ValueError: there is none.
    """
    for figure in FIGURES:
        if (figure.name, figure.per) == (name, per):
            return figure
    raise ValueError(f"no figure '{name}' of a {per}; add its entry to figures/catalogue.py")


def _filled(text: str, facts: Mapping[str, str]) -> str:
    for name, value in facts.items():
        text = text.replace(f"{{{name}}}", value)
    return text
