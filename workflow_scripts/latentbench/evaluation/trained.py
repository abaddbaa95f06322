"""What training left of one variant on one data set, as every step of the evaluation sees it: no
label is in it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from latentbench.files.embedding import CODES, PROBS, EmbeddingFile, read_status
from latentbench.models import MODELS
from latentbench.outcomes import Outcome, Unavailable


class TrainedVariant:
    """What training left of one variant on one data set: codes and cluster probabilities of each
    replica, or why it has none.
    """

    def __init__(
        self,
        cells: pd.Index,
        is_train: Bool[np.ndarray, " obs"],
        obsm: Mapping[str, np.ndarray],
        status: Mapping[str, Any],
        *,
        clusters_by_itself: bool,
    ) -> None:
        """Take the contents of embedding.h5ad (``obsm``: codes and cluster probabilities by seed)
        and status.json.

        Raises:
            ValueError: a replica that ended ok left no embedding.
        """
        self.dataset, self.model, self.saw_labels = (
            str(status["dataset"]),
            str(status["model"]),
            bool(status["saw_labels"]),
        )
        self.kind = str(status["kind"])
        self.is_network = MODELS[status["kind"]].is_network
        self.cells, self.is_train, self.clusters_by_itself = cells, is_train, clusters_by_itself
        self._obsm = obsm
        self.problems: dict[int, Unavailable | None] = {
            replica["seed"]: self._problem_of(replica) for replica in status["replicas"]
        }

    @property
    def seeds(self) -> list[int]:
        """All that were planned."""
        return list(self.problems)

    def codes(self, seed: int) -> Float[np.ndarray, "obs latent"]:
        """Return the embedding of a replica that has no problem."""
        return np.asarray(self._obsm[f"{CODES}{seed}"])

    def cluster_probs(self, seed: int) -> Float[np.ndarray, "obs clusters"] | None:
        """Return the cluster probabilities of a replica that has no problem, None where the model
        does not cluster.
        """
        key = f"{PROBS}{seed}"
        return np.asarray(self._obsm[key]) if key in self._obsm else None

    def headline(self, n_clusters: int | None) -> str:
        """Return the name of the clustering that speaks for the variant, given the declared number
        of clusters.
        """
        return headline_clustering(
            clusters_by_itself=self.clusters_by_itself, n_clusters=n_clusters
        )

    def _problem_of(self, replica: Mapping[str, Any]) -> Unavailable | None:
        outcome, seed = Outcome(replica["status"]), replica["seed"]
        if outcome != Outcome.OK:
            return Unavailable(outcome, replica["reason"] or f"the replica ended {outcome}")
        if f"{CODES}{seed}" not in self._obsm:
            raise ValueError(
                f"embedding.h5ad: no obsm['{CODES}{seed}'] although status.json says that seed"
                f" {seed} ended ok; train this variant again"
            )
        for key in (f"{CODES}{seed}", f"{PROBS}{seed}"):
            if key in self._obsm and not np.isfinite(self._obsm[key]).all():
                return Unavailable(Outcome.FAILED, f"obsm['{key}'] holds non-finite values")
        return None


def headline_clustering(*, clusters_by_itself: bool, n_clusters: int | None) -> str:
    """Return the clustering that speaks for a variant, fixed before any score is known."""
    if clusters_by_itself:
        return "own"
    return "leiden" if n_clusters is None else "kmeans"


def read_trained(embedding_path: str | Path, status_path: str | Path) -> TrainedVariant:
    """Return what training left of a variant: its embedding.h5ad and status.json.

    Raises:
        ValueError: a replica that ended ok left no embedding.
    """
    file = EmbeddingFile(embedding_path)
    return TrainedVariant(
        file.cells,
        file.is_train,
        file.obsm(),
        read_status(status_path),
        clusters_by_itself=bool(file.about["clusters"]),
    )
