"""New cells of counts in the code of a variant that was trained on others: by its encoder, or by
the linear map of principal components.

A code is only used if what is computed here gives the training cells the codes that the study has
of them: kinds that make their code in another way are refused so, without a list of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from scipy import sparse

from latentbench.evaluation.decoding import read_replica
from latentbench.files.embedding import EmbeddingFile, read_status
from latentbench.files.prepared import PreparedFile
from latentbench.files.weights import read_variant
from latentbench.kernels.sparse_rows import sparse_rows
from latentbench.maths.count_splitting import split_counts
from latentbench.models.data import TrainingData
from latentbench.study.variant import Variant
from latentbench.training.passes import embed_cells

MOST_MISSING = 0.2
"""Share of the modelled genes that new cells may lack; these count as zero."""
CAP = 10
"""Where ``sc.pp.scale`` cuts off, as preprocessing calls it."""
ROWS_PER_PIECE = 2048
N_CHECKED = 200
"""Training cells whose codes are computed again."""
CLOSE = 0.01
"""Relative deviation from the study's codes up to which these are the same."""

Counts = sparse.csr_matrix


@dataclass(frozen=True)
class NewCells:
    """The modelled genes of new cells as the study's preprocessing would have them, and how many of
    these genes they lack.
    """

    counts: Counts
    x: Counts
    n_missing: int


@dataclass(frozen=True)
class Trained:
    """The folders of a study's data set and variant."""

    prepared: PreparedFile
    model: Path

    @property
    def variant(self) -> Variant:
        return read_variant(self.model / "weights.safetensors")

    @property
    def seed(self) -> int:
        """The first replica that ended ok."""
        status = read_status(self.model / "status.json")
        return next(each["seed"] for each in status["replicas"] if each["status"] == "ok")

    @property
    def codes(self) -> Float[np.ndarray, "old latent"]:
        """The codes that the study has of its own cells."""
        return EmbeddingFile(self.model / "embedding.h5ad").codes(self.seed)


def as_prepared(counts: Counts, genes: pd.Index, prepared: PreparedFile) -> NewCells:
    """Return new counts (cells x ``genes``) as the study's preprocessing would have them.

    Genes are found by name. The share of the molecules that the study holds out is not seen here
    either. X = log(1 + counts / total * target), the total over the genes that the study kept, as
    it took it.

    Raises:
        ValueError: a gene is named twice, more than ``MOST_MISSING`` of the modelled genes are
            missing, or a cell has no count in the genes of the study.
    """
    if genes.has_duplicates:
        twice = genes[genes.duplicated()][0]
        raise ValueError(
            f"the new cells name the gene '{twice}' twice: adata.var_names_make_unique()"
        )
    kept, modelled = prepared.var.index, prepared.var.index[prepared.is_modelled]
    missing = modelled.difference(genes, sort=False)
    if len(missing) > MOST_MISSING * len(modelled):
        raise ValueError(
            f"{len(missing)} of the {len(modelled)} genes that the model reads are not in the new"
            f" cells (first: {', '.join(missing[:3])}), and at most {MOST_MISSING:.0%} may be"
            " missing; give both the same gene names"
        )
    if share := prepared.about.get("held_out", 0):
        counts = split_counts(sparse.csr_matrix(counts), held_out=share).seen
    totals = _columns(counts, genes, kept).sum(axis=1).A1
    if not totals.all():
        raise ValueError(
            f"cell {int((totals == 0).argmax())} of the new cells has no count in any gene of the"
            " study; leave such cells out"
        )
    chosen = _columns(counts, genes, modelled)
    x = sparse.diags_array(_target(prepared) / totals) @ chosen
    return NewCells(chosen, sparse.csr_matrix(x.log1p().astype(np.float32)), len(missing))


def encode(new: NewCells, trained: Trained) -> Float[np.ndarray, "new latent"]:
    """Return the codes of new cells.

    Raises:
        ValueError: the variant is conditioned on covariates, or its codes are neither those of an
            encoder nor principal components.
    """
    variant, codes = trained.variant, trained.codes
    if variant.covariates:
        raise ValueError(
            f"the variant is conditioned on {', '.join(variant.covariates)}, of which new cells"
            " have no known value; run the study without it, or with the new cells in it"
        )
    if variant.likelihood is not None:
        encoder = _encoder(trained, variant)
        shown = np.arange(min(N_CHECKED, len(codes)))
        own = _own_cells(trained.prepared, shown)
        _require_same(encoder(own), codes[shown], variant.kind)
        return encoder(new)
    n_latent = codes.shape[1]
    components = trained.prepared.components
    if n_latent > components.shape[1] or not np.array_equal(codes, components[:, :n_latent]):
        raise ValueError(_no_encoder(variant.kind))
    return _components_of(new.x, trained.prepared)[:, :n_latent]


def _encoder(trained: Trained, variant: Variant) -> Callable[[NewCells], np.ndarray]:
    files = (trained.model / name for name in ("weights.safetensors", "status.json"))
    replica = read_replica(trained.prepared.path, *files, variant)
    if replica is None:
        raise ValueError(f"no replica of this {variant.kind} ended ok: nothing can be encoded")

    def encoded(cells: NewCells) -> Float[np.ndarray, "new latent"]:
        data = _training_data(cells, variant.layer)
        return embed_cells(replica.model, data)[0][0]

    return encoded


def _training_data(cells: NewCells, layer: str) -> TrainingData:
    """Return new cells as a model reads them: nothing of them is for training."""
    values = cells.counts if layer == "counts" else cells.x
    n_obs = values.shape[0]
    totals = (
        np.asarray(cells.counts.sum(axis=1), dtype=np.float32)
        if layer == "counts"
        else np.ones((n_obs, 1), dtype=np.float32)
    )
    dense = np.ascontiguousarray(values.toarray(), dtype=np.float32)
    return TrainingData(
        x=sparse_rows(sparse.csr_array(values)) if layer == "counts" else torch.from_numpy(dense),
        library_size=torch.from_numpy(totals).clamp(min=1),
        labels=np.full(n_obs, -1),
        train=torch.arange(0),
        test=torch.arange(n_obs),
        pca=np.empty((n_obs, 0), dtype=np.float32),
        obs=pd.DataFrame(index=pd.RangeIndex(n_obs).astype(str)),
        obsm={},
        covariates=torch.empty(n_obs, 0),
    )


def _own_cells(prepared: PreparedFile, cells: Int[np.ndarray, " cells"]) -> NewCells:
    x = sparse.csr_matrix(prepared.values_of(cells))
    return NewCells(prepared.counts()[cells], x, 0)


def _components_of(x: Counts, prepared: PreparedFile) -> Float[np.ndarray, "new pcs"]:
    """Return the principal components of new values, by the map that the training cells' own
    determine: z = (s(x) - m) V with V = s(X)' Z / diag(Z' Z), where s scales or does nothing.
    """
    train = sparse.csr_matrix(prepared.modelled_values())[np.flatnonzero(prepared.is_train)]
    z = prepared.components[prepared.is_train].astype(np.float64)
    mean = np.asarray(train.mean(axis=0)).ravel()
    squares = np.asarray(train.multiply(train).mean(axis=0)).ravel()
    sd = np.sqrt(np.maximum(squares - mean**2, 0) * len(z) / max(len(z) - 1, 1))
    problem: ValueError | None = None
    for scale in (np.where(sd > 0, sd, 1), None):
        pieces = list(_scaled(train, mean, scale))
        loadings = sum(piece.T @ z[rows] for rows, piece in pieces) / np.square(z).sum(axis=0)
        centre = sum(piece.sum(axis=0) for _, piece in pieces) / len(z)
        found = np.concatenate([(piece - centre) @ loadings for _, piece in pieces])
        try:
            _require_same(found, z, "pca")
        except ValueError as fault:
            problem = fault
            continue
        new = [(piece - centre) @ loadings for _, piece in _scaled(x, mean, scale)]
        return np.concatenate(new).astype(np.float32)
    raise problem


def _scaled(x: Counts, mean: np.ndarray, scale: np.ndarray | None):
    for start in range(0, x.shape[0], ROWS_PER_PIECE):
        rows = slice(start, start + ROWS_PER_PIECE)
        piece = x[rows].toarray().astype(np.float64)
        yield rows, piece if scale is None else ((piece - mean) / scale).clip(-CAP, CAP)


def _require_same(found: np.ndarray, codes: np.ndarray, kind: str) -> None:
    if not np.abs(found - codes).max() <= CLOSE * np.abs(codes).max():
        raise ValueError(_no_encoder(kind))


def _no_encoder(kind: str) -> str:
    return (
        f"the codes of kind {kind} in this study cannot be computed of new cells: they are neither"
        " an encoder's nor components of log-normalised values; encode the new cells by the tool"
        " that made them, or run the study with them"
    )


def _columns(counts: Counts, genes: pd.Index, wanted: pd.Index) -> Counts:
    """Return the columns of the genes that are wanted, zeros for those that are not there."""
    places = genes.get_indexer(wanted)
    there = np.flatnonzero(places >= 0)
    choose = sparse.csr_matrix(
        (np.ones(len(there), dtype=counts.dtype), (places[there], there)),
        shape=(len(genes), len(wanted)),
    )
    return sparse.csr_matrix(counts @ choose)


def _target(prepared: PreparedFile) -> float:
    """Return the total that every cell of the study was brought to."""
    from anndata.io import sparse_dataset  # imported here: readers of one table do without it

    with prepared.open() as file:
        first = sparse_dataset(file["X"])[:1]
    return float(np.expm1(first.astype(np.float64)).sum())
