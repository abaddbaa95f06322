"""Codes of cells from half of their counts, for the predictive score: what a model makes of the
first part of a cell's counts is asked for the second, which it has not seen
(``answer.thinning``, ``answer.predictive``).

Test cells were never trained on, so that nothing of their second part is in the weights. A model
that reads log-normalised values reads those of the first part, brought to the same scale:

    x_ij = log(1 + f_i c_ij / e),  f_i = (exp(x_ij) - 1) / c_ij of the whole counts      (1)

with c the counts of the first part and e its share of them. Principal components are linear in x:
the map is found by least squares on cells whose components are known.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse

from latentbench.answer.thinning import thin
from latentbench.files.prepared import PreparedFile
from latentbench.kernels.sparse_rows import SparseRows, sparse_rows
from latentbench.models.data import TrainingData
from latentbench.models.interface import AbstractModel
from latentbench.outcomes import Outcome
from latentbench.training.passes import embed_cells
from latentbench.training.record import ReplicaReport
from latentbench.training.replicas import stack_replicas, unstack_replicas

SHARE, SEED = 0.5, 0
N_TRAIN, N_TEST = 10_000, 2_000
"""Cells that are coded, at most."""


@dataclass(frozen=True)
class ThinnedCodes:
    """Codes of some cells (indices, training cells first) from the first part of their counts."""

    cells: Int[np.ndarray, " some"]
    codes: Float[np.ndarray, "some latent"]


def thinned_data(data: TrainingData, prepared: str | Path) -> TrainingData | None:
    """Return some of the cells as a model would read them if half of their molecules had been
    counted; None where there are no counts.
    """
    counts = PreparedFile(prepared).counts()
    if counts is None or counts.shape[1] != data.n_vars:
        return None
    cells = _some_cells(data)
    whole = counts[cells]
    seen = thin(counts, share=SHARE, seed=SEED).seen[cells]
    totals = torch.from_numpy(np.asarray(seen.sum(axis=1)).astype(np.float32)).clamp(min=1)
    is_counts = isinstance(data.x, SparseRows) and data.x.values.dtype != np.float32
    if is_counts:
        x = sparse_rows(sparse.csr_array(seen))
    else:
        values = data.x.to_scipy()[cells] if isinstance(data.x, SparseRows) else data.x[cells]
        dense = values.toarray() if sparse.issparse(values) else values.numpy()
        x = torch.from_numpy(_log_values(dense, whole, seen))
    n_train = int(np.isin(cells, data.train.numpy()).sum())
    places = torch.arange(len(cells))
    return replace(
        data,
        x=x,
        library_size=totals,
        labels=data.labels[cells],
        train=places[:n_train],
        test=places[n_train:],
        pca=data.pca[cells],
        obs=data.obs.iloc[cells],
        obsm={name: values[cells] for name, values in data.obsm.items()},
        covariates=data.covariates[cells],
    )


def network_thinned(
    model: AbstractModel,
    reports: list[ReplicaReport],
    data: TrainingData,
    prepared: str | Path,
) -> ThinnedCodes | None:
    """Return the thinned codes of the first replica that ended ok."""
    ok = [place for place, report in enumerate(reports) if report.status is Outcome.OK]
    thinned = thinned_data(data, prepared) if ok else None
    if thinned is None:
        return None
    alone = stack_replicas([unstack_replicas(model)[ok[0]]])
    codes, _ = embed_cells(alone, thinned.to(data.device) if data.device.type != "cpu" else thinned)
    if not np.isfinite(codes[0]).all():
        return None
    return ThinnedCodes(_some_cells(data), codes[0])


def components_thinned(
    embedding: Float[np.ndarray, "obs latent"], data: TrainingData, prepared: str | Path
) -> ThinnedCodes | None:
    """Return the thinned codes of a reference whose codes are linear in x."""
    thinned = thinned_data(data, prepared)
    if thinned is None:
        return None
    cells = _some_cells(data)
    values = data.x.to_scipy()[cells] if isinstance(data.x, SparseRows) else data.x[cells]
    dense = values.toarray() if sparse.issparse(values) else values.numpy()
    with_one = np.column_stack([dense, np.ones(len(cells), dtype=dense.dtype)])
    linear = np.linalg.lstsq(with_one, embedding[cells], rcond=1e-6)[0]
    x = thinned.dense().numpy()
    return ThinnedCodes(cells, np.column_stack([x, np.ones(len(x), dtype=x.dtype)]) @ linear)


def _some_cells(data: TrainingData) -> Int[np.ndarray, " some"]:
    rng = np.random.default_rng([SEED, data.n_obs])
    parts = [
        cells if len(cells) <= most else np.sort(rng.choice(cells, most, replace=False))
        for cells, most in ((data.train.numpy(), N_TRAIN), (data.test.numpy(), N_TEST))
    ]
    return np.concatenate(parts)


def _log_values(
    x: Float[np.ndarray, "some vars"], whole: sparse.csr_matrix, seen: sparse.csr_matrix
) -> Float[np.ndarray, "some vars"]:
    """Return equation (1)."""
    linear = np.expm1(x.astype(np.float64)).sum(axis=1)
    totals = np.asarray(whole.sum(axis=1)).ravel()
    factors = np.divide(linear, totals, out=np.zeros(len(totals)), where=totals > 0) / SHARE
    return np.log1p(seen.toarray() * factors[:, None]).astype(np.float32)
