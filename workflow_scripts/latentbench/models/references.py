"""References and controls: functions of the whole data set, without a network.

They prove that the models are worth their time and that the metrics run the right way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from latentbench.kernels.sparse_rows import SparseRows
from latentbench.maths.random_streams import seed_of
from latentbench.models.data import TrainingData
from latentbench.study.options import Option


@dataclass(frozen=True)
class Reference:
    """An embedding, the cluster probabilities of a reference that clusters by itself, and what was
    drawn or fitted.

    ``of_components`` says that the embedding holds the first principal components, from which cells
    can be read back by a linear map.
    """

    embedding: Float[np.ndarray, "obs latent"]
    cluster_probs: Float[np.ndarray, "obs clusters"] | None = None
    weights: Mapping[str, np.ndarray] = field(default_factory=dict)
    of_components: bool = False


def pca(data: TrainingData, *, seed: int, n_latent: int = 20) -> Reference:
    """Take the first principal components, fitted on the training cells when the data were prepared
    (eq 2.2, 2.3 of the thesis).

    Use: as the baseline that every model must beat; its k-means and Leiden clusterings are the
    usual ones.
    Cost: nothing: the components come with the prepared data.
    """
    return Reference(data.pca[:, :n_latent], of_components=True)


def random_projection(data: TrainingData, *, seed: int, n_latent: int = 20) -> Reference:
    """Project the data onto random Gaussian directions: the trivial control.

    Use: as the control of what no learning gives.
    Cost: one matrix product.
    """
    directions = np.random.default_rng(seed_of(seed, "projection")).standard_normal(
        (data.n_vars, n_latent), dtype=np.float32
    )
    return Reference(
        (data.x.to_scipy() if isinstance(data.x, SparseRows) else data.x.numpy())
        @ directions
        / np.sqrt(data.n_vars),
        weights={"directions": directions[None]},
    )


def shuffled_labels(data: TrainingData, *, seed: int) -> Reference:
    """Give every cell the label of another cell: the control that must score zero.

    Use: as the control that must score at chance.
    Cost: nothing to fit.
    """
    return _labels_as_codes(
        np.random.default_rng(seed_of(seed, "shuffle")).permutation(data.labels)
    )


def true_labels(data: TrainingData, *, seed: int) -> Reference:
    """Give every cell its label: the control that must score one.

    Use: as the control that must score one.
    Cost: nothing to fit.
    """
    return _labels_as_codes(data.labels)


def embedding(
    data: TrainingData,
    *,
    seed: int,
    obsm: Annotated[str, Option("name of the obsm of the data set that holds the embedding")],
) -> Reference:
    """Take an embedding that the data set brings along in ``obsm``: scored like any other, with no
    training.

    Raises:
        ValueError: the data set has no such obsm; those that it has are listed.

    Use: to score codes that another tool made, beside the models.
    Cost: nothing to fit.
    """
    if obsm not in data.obsm:
        raise ValueError(
            f"no obsm '{obsm}' in the prepared data; there are: {', '.join(sorted(data.obsm))}."
            " Name one of them in the variant's hyperparameters.obsm"
        )
    return Reference(np.asarray(data.obsm[obsm], dtype=np.float32))


def clustering(
    data: TrainingData,
    *,
    seed: int,
    obs: Annotated[str, Option("obs column of the data set that holds the clustering")],
) -> Reference:
    """Take a clustering that the data set brings along as the column ``obs`` of its cells: a member
    of the answer, scored like any other, with no training.

    Its code, for maps and new cells, are the principal components; its groups are the column's.

    Raises:
        ValueError: the data set has no such column (those that it has are listed), a cell has no
            value there, or there are hardly fewer values than cells.

    Use: to judge groups that another tool made, beside the models.
    Cost: nothing to fit.
    """
    column = next((name for name in (obs, f"source_{obs}") if name in data.obs), None)
    if column is None:
        raise ValueError(
            f"no obs column '{obs}' in the prepared data; there are: {', '.join(data.obs.columns)}."
            " Name one of them in the variant's hyperparameters.obs"
        )
    missing = data.obs[column].isna().to_numpy()
    if missing.any():
        raise ValueError(
            f"obs column '{obs}' has no value for {missing.sum()} cells (first:"
            f" {data.obs.index[int(missing.argmax())]}); leave these cells out or fill them in"
        )
    groups = pd.Categorical(data.obs[column].astype(str))
    if 2 * len(groups.categories) > data.n_obs:
        raise ValueError(
            f"obs column '{obs}' has {len(groups.categories)} different values for {data.n_obs}"
            " cells: that is no clustering; name a column of groups in the variant's"
            " hyperparameters.obs"
        )
    return Reference(
        data.pca, onehot(groups.codes.astype(np.int64), len(groups.categories)), of_components=True
    )


def _labels_as_codes(labels: Int[np.ndarray, " obs"]) -> Reference:
    # An unlabelled cell (-1) gets a class of its own: it is never scored.
    codes = onehot(labels - labels.min())
    return Reference(codes, codes)


def onehot(
    labels: Int[np.ndarray, " obs"], n_clusters: int | None = None
) -> Float[np.ndarray, "obs clusters"]:
    """Return cluster probabilities that are certain; ``n_clusters`` is the largest label plus one
    if it is not given.
    """
    return np.eye(labels.max() + 1 if n_clusters is None else n_clusters, dtype=np.float32)[labels]
