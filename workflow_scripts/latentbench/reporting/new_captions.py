"""What the report says of the newer figures: a record for each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Caption:
    """Title (also the alternative text), what the figure shows and how to read it, the file behind it (under results/), and its least width in inches.

    ``{dataset}`` in ``source`` stands for the data set of a figure that there is one of for each.
    """

    title: str
    text: str
    source: str
    width: float = 7.0


NEW_CAPTIONS: dict[str, Caption] = {
    "figure_2_1_neuron": Caption(
        "2.1: a neuron drawn two ways",
        "Left every step: inputs times weights and a bias are summed, and φ of the sum is the output. Right the same neuron as one unit.",
        "figures/thesis/figure_2_1_neuron.svg",
    ),
    "figure_2_2_layers": Caption(
        "2.2: a strictly layered network, and one with edges that skip a layer",
        "Above, every edge joins a layer to the next one. Below, rule 5 has added four edges that skip a layer; z3 to w3 is marked in the thesis"
        " too, and skips none. The theory's check of definition 2.6 reads these two graphs.",
        "tables/theory.tsv",
    ),
    "figure_2_3_layer_network": Caption(
        "2.3: units, and one node for each layer",
        "Above every unit and every weight of a 3-4-3-2 network, below the same network with one node for each layer.",
        "figures/thesis/figure_2_3_layer_network.svg",
    ),
    "figure_2_4_autoencoder": Caption(
        "2.4: the autoencoder",
        "Encoder and decoder are networks of their own; the dotted edges are the identity on the code.",
        "figures/thesis/figure_2_4_autoencoder.svg",
    ),
    "figure_3_1_vae": Caption(
        "3.1: plates of the VAE",
        "The generative model p, the inference model q, and both, drawn from what the model's code declares.",
        "figures/thesis/figure_3_1_vae.svg",
    ),
    "figure_4_1_mixtures": Caption(
        "4.1: plates of the mixture models",
        "p (arrows) and q (dotted) of the mixture, with w, with w and the Dirichlet d, supervised (y observed) and conditional on c, drawn from "
        "what the models' code declares.",
        "figures/thesis/figure_4_1_mixtures.svg",
    ),
    "reconstructions": Caption(
        "Reconstructions",
        "Test images, drawn at random, above what each network gives back of them: what is expected of the pixels at the mean of the code. First"
        " seed that ended ok.",
        "decoded/{dataset}/",
    ),
    "samples": Caption(
        "Samples of the prior",
        "A column for each component, a row for each draw of what all components share: the noise, and w where the model has one. A prior "
        "without components has one draw an image.",
        "decoded/{dataset}/",
    ),
    "heads": Caption(
        "Means of the components",
        "What each mixture decodes at the mean of each component, w at its mean: what a cluster stands for.",
        "decoded/{dataset}/",
    ),
    "traversals": Caption(
        "Walks through the code",
        "One latent dimension goes from the 1st to the 99th percentile of the codes of test images, the others stay those of one test image; the"
        " dimensions with the largest divergence from the prior, in nats beside the row.",
        "decoded/{dataset}/",
    ),
    "posteriors": Caption(
        "Means and samples of the posteriors",
        "The same images laid out by the mean of their posterior and by one sample of it: where the samples blur what the means keep apart, the "
        "posterior is wide.",
        "decoded/{dataset}/",
    ),
    "responsibilities": Caption(
        "Responsibilities",
        "Largest cluster probability of every test cell, in twenty bins: a line for every seed. How sure a model is; the calibration shows "
        "whether it is right to be.",
        "models/{dataset}/",
    ),
    "pca": Caption(
        "Principal components",
        "Variance that each component explains, of training cells and of test cells. Where a linear autoencoder was trained, its principal "
        "angles to as many components: at the minimum those of the rows of the decoder vanish; those of the columns of the encoder need not, "
        "since a direction in which the cells do not vary changes no loss.",
        "pca/{dataset}.parquet",
    ),
    "markers": Caption(
        "Marker genes",
        "Genes that rank first in each cluster of the variant and seed that the study's rule picks without labels, by Welch's t of log-"
        "normalised training cells; below, the labels. Area: share of the group's cells that express the gene; colour: their mean expression. "
        "The t ranks genes and tests nothing, since the clusters were found in the same cells.",
        "tables/markers.tsv",
    ),
    "means": Caption(
        "Predicted against true means",
        "A dot is a gene, of a network's first seed: of the cell type with most stimulated cells where these were hidden, of all cells where "
        "nothing was hidden (in-sample: the cells were trained on). The genes whose mean changes most are named; r² of the means, most of which "
        "hardly change, and of the changes.",
        "predictions/means/{dataset}/",
    ),
    "two_latents": Caption(
        "Both latents",
        "Means and one sample of w and of z, coloured by class and by condition; more than two dimensions by their first two principal components.",
        "latents/{dataset}/",
    ),
}
"""By the file name of the figure, without its suffix."""
