"""What every figure is called, says and is made from: one record a figure.

To add a figure to the report, add a record here and its files to the rule that draws it.

In titles, captions and tables ``{dataset}`` stands for the data set and ``{shown}`` for the cells
that its maps show. Only light imports: the workflow asks for the names."""

from dataclasses import dataclass
from typing import Literal

Scope = Literal["study", "dataset", "thesis", "plate"]


@dataclass(frozen=True)
class Caption:
    """One figure: ``figures/{name}``, ``figures/{dataset}/{name}``, ``figures/thesis/{name}`` or
    ``figures/plates/{kind}``, by its ``scope``.

    ``section``: where the page shows it, None for a figure that the figure browser alone lists;
    ``least``: the width below which it scrolls sideways."""

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
        "Each dot is one seed; the tick is their mean, the line its 95 % interval. Grey: controls."
        " † saw the labels.",
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
        "ranks",
    ),
    Caption(
        "cost",
        "study",
        "Time and memory",
        "Training time and peak memory of every replica, by data set and model",
        "Each dot is one replica, the bar their median. Seeds are trained side by side, so its"
        " seconds depend on the machine and on what ran beside it.",
        "tables/status.tsv",
        "cost",
    ),
    Caption(
        "predictions",
        "study",
        "Predictions",
        "Squared correlation of predicted and hidden cells, by method, with a dot for every seed",
        "A bar is the mean over cell types and seeds, a dot the mean of one seed over cell types."
        " Grey: no network. That most genes hardly change makes the correlation of means high for"
        " no prediction at all; the change tells methods apart.",
        "tables/predictions.tsv",
        "predictions",
    ),
    Caption(
        "scores",
        "dataset",
        "Scores",
        "Scores on {dataset}: ARI, NMI and ACC of every model, a dot for every seed",
        "Each dot is one seed; the tick is their mean, the line its 95 % interval. Grey: controls."
        " † saw the labels. “4 of 5” beside a row: so many seeds ended well.",
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
        "Loss terms over epochs, a line for every seed. The fall over the first twentieth of the"
        " epochs may leave the axis at the top.",
        "tables/history.parquet",
        "training",
    ),
    Caption(
        "usage",
        "dataset",
        "Sizes of clusters",
        "Shares of the cells in each cluster on {dataset}, for every model and seed",
        "How the cells spread over the clusters: one bar a seed, clusters from the largest to the"
        " smallest. One wide block is a collapsed clustering.",
        "clusters/{dataset}/",
        "training",
        "30rem",
    ),
    Caption(
        "confusion",
        "dataset",
        "Confusion matrix",
        "Confusion matrix of labels and clusters on {dataset}",
        "Test cells of each label in each cluster, for the contestant with the highest mean ARI;"
        " its seed is chosen by the rule in force, without labels. Shade: share of the label’s"
        " cells.",
        "clusters/{dataset}/",
        "training",
        "26rem",
    ),
    Caption(
        "calibration",
        "dataset",
        "Calibration",
        "Accuracy against confidence of the cluster probabilities on {dataset}, for every model"
        " that gives them",
        "Test cells by how sure the model is of their cluster, and how many of them are in the"
        " class that this cluster is matched to on training cells. On the diagonal probabilities"
        " mean what they say; below it the model is too sure. ECE: the mean distance from the"
        " diagonal, cells weighing alike.",
        "tables/reliability.tsv",
        "training",
        "34rem",
    ),
    Caption(
        "latents",
        "dataset",
        "Latent dimensions",
        "Divergence of each latent dimension from its prior on {dataset}, for every model that"
        " has one",
        "How much each latent dimension says of a cell, from the most to the least, a line for"
        " every seed. A dimension at zero is not used.",
        "tables/quality.tsv",
        "training",
        "34rem",
    ),
    Caption(
        "figure_2_1_neuron",
        "thesis",
        "Figure 2.1: a neuron drawn two ways",
        "Figure 2.1: a neuron drawn two ways",
        "Left every step: inputs times weights and a bias are summed, and φ of the sum is the"
        " output. Right the same neuron as one unit.",
        "figures/thesis/figure_2_1_neuron.svg",
        None,
    ),
    Caption(
        "figure_2_2_layers",
        "thesis",
        "Figure 2.2: a strictly layered network, and one with edges that skip a layer",
        "Figure 2.2: a strictly layered network, and one with edges that skip a layer",
        "Above, every edge joins a layer to the next one. Below, rule 5 has added four edges that"
        " skip a layer; z3 to w3 is marked in the thesis too, and skips none. The theory's check of"
        " definition 2.6 reads these two graphs.",
        "tables/theory.tsv",
        None,
    ),
    Caption(
        "figure_2_3_layer_network",
        "thesis",
        "Figure 2.3: units, and one node for each layer",
        "Figure 2.3: units, and one node for each layer",
        "Above every unit and every weight of a 3-4-3-2 network, below the same network with one"
        " node for each layer.",
        "figures/thesis/figure_2_3_layer_network.svg",
        None,
    ),
    Caption(
        "figure_2_4_autoencoder",
        "thesis",
        "Figure 2.4: the autoencoder",
        "Figure 2.4: the autoencoder",
        "Encoder and decoder are networks of their own; the dotted edges are the identity on the"
        " code.",
        "figures/thesis/figure_2_4_autoencoder.svg",
        None,
    ),
    Caption(
        "figure_3_1_vae",
        "thesis",
        "Figure 3.1: plates of the VAE",
        "Figure 3.1: plates of the VAE",
        "The generative model p, the inference model q, and both, drawn from what the model's code"
        " declares.",
        "figures/thesis/figure_3_1_vae.svg",
        None,
    ),
    Caption(
        "figure_4_1_mixtures",
        "thesis",
        "Figure 4.1: plates of the mixture models",
        "Figure 4.1: plates of the mixture models",
        "p (arrows) and q (dotted) of the mixture, with w, with w and the Dirichlet d, supervised"
        " (y observed) and conditional on c, drawn from what the models' code declares.",
        "figures/thesis/figure_4_1_mixtures.svg",
        None,
    ),
    Caption(
        "reconstructions",
        "dataset",
        "Reconstructions",
        "Test images of {dataset} above what each network gives back of them",
        "Test images, drawn at random, above what each network gives back of them: what is expected"
        " of the pixels at the mean of the code. First seed that ended ok.",
        "decoded/{dataset}/",
        "details",
    ),
    Caption(
        "samples",
        "dataset",
        "Samples of the prior",
        "Samples of the prior of every model of {dataset}, a column for each component",
        "A column for each component, a row for each draw of what all components share: the noise,"
        " and w where the model has one. A prior without components has one draw an image.",
        "decoded/{dataset}/",
        "details",
    ),
    Caption(
        "heads",
        "dataset",
        "Means of the components",
        "What every mixture of {dataset} decodes at the mean of each component",
        "What each mixture decodes at the mean of each component, w at its mean: what a cluster"
        " stands for.",
        "decoded/{dataset}/",
        "details",
    ),
    Caption(
        "traversals",
        "dataset",
        "Walks through the code",
        "Images of {dataset} decoded along the latent dimensions that say most",
        "One latent dimension goes from the 1st to the 99th percentile of the codes of test images,"
        " the others stay those of one test image; the dimensions with the largest divergence from"
        " the prior, in nats beside the row.",
        "decoded/{dataset}/",
        "details",
    ),
    Caption(
        "posteriors",
        "dataset",
        "Means and samples of the posteriors",
        "Maps of {dataset} by the means and by samples of the posteriors",
        "The same images laid out by the mean of their posterior and by one sample of it: where the"
        " samples blur what the means keep apart, the posterior is wide.",
        "decoded/{dataset}/",
        None,
    ),
    Caption(
        "responsibilities",
        "dataset",
        "Responsibilities",
        "Largest cluster probabilities of test cells of {dataset}, for every model and seed",
        "Largest cluster probability of every test cell, in twenty bins: a line for every seed. How"
        " sure a model is; the calibration shows whether it is right to be.",
        "models/{dataset}/",
        "training",
    ),
    Caption(
        "pca",
        "dataset",
        "Principal components",
        "Variance of {dataset} that the principal components explain, and angles to a linear"
        " autoencoder",
        "Variance that each component explains, of training cells and of test cells. Where a linear"
        " autoencoder was trained, its principal angles to as many components: at the minimum those"
        " of the rows of the decoder vanish; those of the columns of the encoder need not, since a"
        " direction in which the cells do not vary changes no loss.",
        "pca/{dataset}.parquet",
        "details",
    ),
    Caption(
        "markers",
        "dataset",
        "Marker genes",
        "Marker genes of clusters and labels of {dataset}",
        "Genes that rank first in each cluster of the variant and seed that the study's rule picks"
        " without labels, by Welch's t of log-normalised training cells; below, the labels. Area:"
        " share of the group's cells that express the gene; colour: their mean expression. The t"
        " ranks genes and tests nothing, since the clusters were found in the same cells.",
        "tables/markers.tsv",
        "details",
    ),
    Caption(
        "means",
        "dataset",
        "Predicted against true means",
        "Predicted against true mean expression of every gene of {dataset}",
        "A dot is a gene, of a network's first seed: of the cell type with most stimulated cells"
        " where these were hidden, of all cells where nothing was hidden (in-sample: the cells were"
        " trained on). The genes whose mean changes most are named; r² of the means, most of which"
        " hardly change, and of the changes.",
        "predictions/means/{dataset}/",
        "details",
    ),
    Caption(
        "two_latents",
        "dataset",
        "Both latents",
        "Means and samples of both latents of {dataset}, coloured by class and condition",
        "Means and one sample of w and of z, coloured by class and by condition; more than two"
        " dimensions by their first two principal components.",
        "latents/{dataset}/",
        "details",
    ),
)

PLATE = Caption(
    "plates",
    "plate",
    "Plate diagrams",
    "Plate diagram of {kind}",
    "The model as its code declares it. Circle: random variable; double circle: computed from"
    " others; square: hyperparameter; shaded: observed. Solid arrow: the generative model p; dotted"
    " line with a round head: the inference model q. The rectangle is repeated for every cell.",
    "docs/models.md",
    "methods",
    "34rem",
)
