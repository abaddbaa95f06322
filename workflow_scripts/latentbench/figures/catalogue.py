"""Every figure of a study: which there are, what each is drawn from and by, what it is called and
says.

To add a figure, write a function that takes ``Inputs`` and returns a Matplotlib figure (or why
there is nothing to show), and add its entry to ``FIGURES``. Files, rules, captions, the page, its
list of figures and the docs follow.

In titles, captions and ``data``, ``{dataset}``, ``{kind}`` and ``{shown}`` (the cells on the maps)
are filled in. Light imports only: the workflow reads this at every start."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from latentbench.models import MODELS
from latentbench.models.declared import factorisation_of
from latentbench.study.study import Study

Per = Literal["study", "dataset", "kind", "thesis"]
When = Callable[[Study, str], bool]
"""Whether a study, or one of its data sets, has a figure."""


def always(study: Study, dataset: str) -> bool:
    return True


def labelled(study: Study, dataset: str) -> bool:
    return study.row(dataset)["label"] is not None


def where_labelled(study: Study, _: str) -> bool:
    return any(labelled(study, dataset) for dataset in study.datasets)


def where_ranked(study: Study, _: str) -> bool:
    """Friedman's test takes two data sets at least."""
    return sum(labelled(study, dataset) for dataset in study.datasets) > 1


def where_predicted(study: Study, _: str) -> bool:
    return bool(study.predictions)


def asked_to_predict(study: Study, dataset: str) -> bool:
    return dataset in study.predictions


def with_networks(study: Study, dataset: str) -> bool:
    return any(MODELS[kind].is_network for kind in _kinds_on(study, dataset))


def of_counts(study: Study, dataset: str) -> bool:
    return study.row(dataset)["modality"] == "counts" and bool(_kinds_on(study, dataset))


def of_images(study: Study, dataset: str) -> bool:
    return study.row(dataset)["modality"] == "images" and with_networks(study, dataset)


def with_two_latents(study: Study, dataset: str) -> bool:
    """A model has a second latent, w, and there are conditions to tell apart."""
    return study.row(dataset)["condition"] is not None and any(
        map(has_two_latents, _kinds_on(study, dataset))
    )


def has_two_latents(kind: str) -> bool:
    """Whether a kind declares a second latent, w."""
    return MODELS[kind].is_network and "w" in factorisation_of(kind).variables


def _kinds_on(study: Study, dataset: str) -> list[str]:
    return [study.variants[model]["kind"] for name, model in study.cells if name == dataset]


@dataclass(frozen=True)
class Figure:
    """An entry of the catalogue.

    ``per``: what it is drawn once for; ``draw``: module and function, under figures/; ``reads``:
    the names of what it is drawn from, whose files rules/figures.smk names; ``kinds``: the kinds of
    models whose declarations it shows; ``short``: its name in lists; ``data``: the file with its
    numbers, if there is one; ``section``: where the page shows it, None for a figure that is listed
    alone; ``least``: the width below which it scrolls sideways.
    """

    name: str
    per: Per
    draw: str
    title: str
    caption: str
    when: When = always
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
        when=where_labelled,
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
        when=where_ranked,
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
        when=where_predicted,
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
        when=labelled,
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
        draw="dataset_figures:maps",
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
        when=with_networks,
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
        "quality",
        per="dataset",
        when=of_counts,
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
        draw="dataset_figures:usage",
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
        when=labelled,
        reads=("tables", "prepared", "clusters"),
        draw="dataset_figures:confusion",
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
        when=labelled,
        reads=("tables",),
        draw="health_figures:calibration",
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
        when=with_networks,
        reads=("tables",),
        draw="health_figures:latents",
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
        when=of_images,
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
        when=of_images,
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
        when=of_images,
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
        when=of_images,
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
        when=of_images,
        reads=("tables", "prepared", "decoded"),
        draw="image_figures:posteriors",
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
        draw="detail_figures:responsibilities_",
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
        draw="detail_figures:pca",
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
        when=of_counts,
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
        when=asked_to_predict,
        reads=("means",),
        draw="mean_figures:means",
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
        when=with_two_latents,
        reads=("tables", "prepared", "latents"),
        draw="latent_figures:two_latents",
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


def figures_of(study: Study, per: Per, of: str = "") -> list[Figure]:
    """Return the figures that a study, one of its data sets or kinds has."""
    return [figure for figure in FIGURES if figure.per == per and figure.when(study, of)]


def networks_of(study: Study) -> list[str]:
    """Return the kinds of the study's variants that are networks, each once: each has its plate."""
    kinds = dict.fromkeys(study.variants[model]["kind"] for model in study.models)
    return [kind for kind in kinds if MODELS[kind].is_network]


@dataclass(frozen=True)
class Unit:
    """Figures that one job draws, each of a data set, of a kind, or of neither (``of``)."""

    per: Per
    figures: tuple[tuple[Figure, str], ...]

    @property
    def reads(self) -> list[str]:
        """The names of what its figures are drawn from."""
        return list(dict.fromkeys(name for figure, _ in self.figures for name in figure.reads))

    @property
    def modules(self) -> list[str]:
        """The modules that draw them, and those of the kinds that are drawn."""
        drawing = {f"figures.{figure.draw.split(':')[0]}" for figure, _ in self.figures}
        kinds = [
            kind
            for figure, of in self.figures
            for kind in ([of] if figure.per == "kind" else figure.kinds)
        ]
        return sorted(drawing | {MODELS[kind].code for kind in kinds})

    @property
    def stems(self) -> list[str]:
        """Their files under figures/, without suffix; a data set's name is left to a wildcard."""
        return [
            figure.stem("{dataset}" if self.per == "dataset" else of) for figure, of in self.figures
        ]

    @property
    def files(self) -> list[str]:
        """The same without wildcards."""
        return [figure.stem(of) for figure, of in self.figures]

    @property
    def drawings(self) -> list[dict[str, str]]:
        """How each is drawn, and its caption."""
        return [
            {"draw": figure.draw, "of": of, "caption": figure.described(of)["caption"]}
            for figure, of in self.figures
        ]

    @property
    def labels(self) -> list[str]:
        """Their names in lists."""
        return [of if self.per == "kind" else figure.short for figure, of in self.figures]


def units(study: Study) -> dict[str, Unit]:
    """Return what is drawn together, by the name of the job: the figures of the study, of each
    data set, of the kinds and of the thesis.
    """
    jobs: dict[str, tuple[Per, list[str]]] = {
        "study": ("study", [""]),
        "plates": ("kind", networks_of(study)),
        "thesis": ("thesis", [""]),
        **{dataset: ("dataset", [dataset]) for dataset in study.datasets},
    }
    found = {
        name: Unit(per, tuple((each, of) for of in names for each in figures_of(study, per, of)))
        for name, (per, names) in jobs.items()
    }
    return {name: unit for name, unit in found.items() if unit.figures}


def stems(study: Study, per: Per | None = None, datasets: Iterable[str] | None = None) -> list[str]:
    """Return the stems of a study's figures, of all or of one sort; of these data sets alone."""
    return [
        figure.stem(of)
        for unit in units(study).values()
        for figure, of in unit.figures
        if per in (None, unit.per) and (unit.per != "dataset" or datasets is None or of in datasets)
    ]


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
