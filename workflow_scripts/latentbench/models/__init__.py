"""The registry of model kinds. A kind's module is imported on first use, so that reading a study
costs nothing and an edit of one model touches no other.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

DATA_MODALITIES = ("counts", "images", "real")


@dataclass(frozen=True)
class Kind:
    """Where a kind lives and what it needs: ``"likelihood"``, ``"n_clusters"``, ``"labels"`` (to
    make, not only to score).

    ``covariates`` says whether it takes obs columns as conditions. Where a data set lacks a column
    that a variant names, an optional one is left out and a required one makes the variant not
    applicable. ``predicts`` says whether it can be asked for cells under another condition.
    """

    module: str
    name: str
    needs: frozenset[str] = frozenset()
    covariates: Literal["none", "optional", "required"] = "none"
    predicts: bool = False

    @property
    def is_network(self) -> bool:
        """Whether the kind is trained by ``fit``; the others are references, functions of the whole
        data set.
        """
        return "likelihood" in self.needs

    def load(self) -> Any:
        """Return the model class or the reference function."""
        return getattr(import_module(f"{__name__}.{self.module}"), self.name)


def _network(
    module: str,
    name: str,
    *needs: str,
    covariates: Literal["none", "optional", "required"] = "none",
    predicts: bool = False,
) -> Kind:
    return Kind(module, name, frozenset({"likelihood", *needs}), covariates, predicts)


MODELS: dict[str, Kind] = {
    "pca": Kind("references", "pca"),
    "leiden_pca": Kind("leiden_pca", "leiden_pca"),
    "leiden_pca_declared": Kind("leiden_pca", "leiden_pca_declared", frozenset({"n_clusters"})),
    "kmeans_pca": Kind("kmeans_pca", "kmeans_pca", frozenset({"n_clusters"})),
    "gmm_pca": Kind("gmm_pca", "gmm_pca", frozenset({"n_clusters"})),
    "random_projection": Kind("references", "random_projection"),
    "shuffled_labels": Kind("references", "shuffled_labels", frozenset({"labels"})),
    "true_labels": Kind("references", "true_labels", frozenset({"labels"})),
    "embedding": Kind("references", "embedding"),
    "linear_ae": _network("linear_ae", "LinearAutoencoder"),
    "ae": _network("ae", "Autoencoder"),
    "vae": _network("vae", "VariationalAutoencoder"),
    "cvae": _network("cvae", "ConditionalVAE", covariates="required", predicts=True),
    "scvi": _network("scvi", "ScVI", covariates="optional", predicts=True),
    "ldvae": _network("ldvae", "LinearlyDecodedVAE", covariates="optional", predicts=True),
    "scanvi": _network("scanvi", "ScANVI", "n_clusters", covariates="optional", predicts=True),
    "scgen": _network("scgen", "ScGen", predicts=True),
    "m2": _network("m2", "SemiSupervisedVAE", "n_clusters"),
    "gmvae": _network("gmvae", "GaussianMixtureVAE", "n_clusters"),
    "gmvae_dilokthanakul": _network("gmvae_dilokthanakul", "BayesMixtureVAE", "n_clusters"),
    "gmvae_dirichlet": _network("gmvae_dirichlet", "DirichletMixtureVAE", "n_clusters"),
    "gmvae_conditional": _network(
        "gmvae_conditional",
        "ConditionalMixtureVAE",
        "n_clusters",
        covariates="required",
        predicts=True,
    ),
    "vamp": _network("vamp", "VampPriorVAE", "n_clusters"),
    "dec": _network("dec", "DeepEmbeddedClustering", "n_clusters"),
    "idec": _network("idec", "ImprovedDeepEmbeddedClustering", "n_clusters"),
    "n2d": _network("n2d", "NotTooDeepClustering", "n_clusters"),
    "vade": _network("vade", "VariationalDeepEmbedding", "n_clusters"),
    "scdeepcluster": _network("scdeepcluster", "ScDeepCluster", "n_clusters"),
}
