"""Hyperparameters that many kinds have under the same name: what they mean and their bounds. A kind
that means something else by one of them says so itself (``Annotated[..., Option(...)]``).
"""

from latentbench.study.options import Option

SHARED: dict[str, Option] = {
    "n_latent": Option("dimensions of the code", at_least=1),
    "n_clusters": Option(
        "clusters, classes or components of a mixture; left out: the number that the data sheet"
        " declares",
        at_least=2,
    ),
    "n_hidden": Option(
        "units of a hidden layer (a list, where one is taken: those of each of the encoder, in"
        " reverse in the decoder)",
        at_least=1,
    ),
    "n_layers": Option("hidden layers of encoder and decoder", at_least=1),
    "dropout": Option("share of hidden units dropped in training", at_least=0, below=1),
    "degrees_of_freedom": Option("degrees of freedom of Student's kernel around a centre", above=0),
    "alpha": Option("concentration of the Dirichlet prior", above=0),
    "gamma": Option("weight of KL(P || Q) beside the reconstruction", at_least=0),
}
