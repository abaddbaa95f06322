"""A rival of the answer's tree: spectral clustering of the co-association of several clusterings,
which is never formed.

With H the indicator of all clusters of all members, (obs, all clusters), and w the members'
weights, which sum to 1, on W's diagonal once a cluster:

    C = H W H^T,  C_ij = the weighted share of members that put i and j together              (1)
                  Fred and Jain 2005, doi:10.1109/TPAMI.2005.113
    B = D^-1/2 H W^1/2 = U S V^T,  D = diag(C 1),  so that  D^-1/2 C D^-1/2 = U S^2 U^T       (2)
                                   Fern and Brodley 2004, doi:10.1145/1015330.1015414
    y_i = the row of cell i in the first k columns of U, scaled to length 1                   (3)
        Ng, Jordan and Weiss 2001
    cluster_i = the nearest of k centres, by k-means on y                                     (4)

Cells that all members treat alike (Strehl and Ghosh 2002,
https://jmlr.org/papers/v3/strehl02a.html) are one point, a signature, that counts as often as it
has training cells. V and S come from B^T B, clusters by clusters, of the training cells; then U = B
V S^-1 for any cell, in training or not, and since (3) takes out its D, a test cell needs its
clusters only. Directions with S = 0 do not exist in (1) and are left out.

How many clusters, where no number is declared: the k with the widest gap S_k^2 - S_k+1^2 (von
Luxburg 2007, section 8.3, doi:10.1007/s11222-007-9033-z) between the quartiles, by weight, of the
members' numbers of clusters. The gaps count the groups that the members agree on, where a median
counts what each of them cut in its own way too; the quartiles keep the gaps, which weak agreement
makes unreliable, from a number that few members found.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from scipy.linalg import eigh
from scipy.sparse import csr_array
from sklearn.cluster import KMeans

from latentbench.evaluation.clusterings import Clusters, numbered_by_size
from latentbench.outcomes import Outcome, Unavailable

MAX_CLUSTERS = 10_000
"""Clusters of all members together; B^T B is dense and its decomposition takes the cube of them
(a second at 2,000)."""
N_STARTING = 10_000
"""Signatures that k-means starts on, those of most cells; what it finds there is where it goes
on with all of them."""
_ZERO = 1e-10


def spectral_consensus(
    members: Sequence[Int[np.ndarray, " _"]],
    *,
    is_train: Bool[np.ndarray, " obs"],
    n_clusters: int | None,
    seed: int,
    weights: Sequence[float] | None = None,
) -> Clusters | Unavailable:
    """Return the consensus of several clusterings, numbered by falling number of training cells;
    how clusters are numbered and members ordered is of no effect.

    It is fitted on the training cells. A member of weight 0, or with all training cells in one
    cluster, tells nothing about any pair of cells and is left out. ``n_clusters`` None: as many as
    the members agree on. ``weights``: one a member, only their ratios matter; equal by default.

    Raises:
        ValueError: members of different cells, no training cell, or weights that are none.
    """
    shares = _shares(members, weights, is_train)
    if len(members) < 2:
        return Unavailable(
            Outcome.NOT_APPLICABLE,
            f"a consensus needs two clusterings, and there is {len(members) or 'none'}",
        )
    telling = [
        number
        for number, member in enumerate(members)
        if shares[number] > 0 and np.ptp(member[is_train]) > 0
    ]
    if len(telling) < 2:
        return Unavailable(
            Outcome.DEGENERATE,
            f"{len(telling)} of {len(members)} clusterings tell training cells apart, and a"
            " consensus needs two",
        )
    signatures = _signatures([members[number] for number in telling], shares[telling], is_train)
    if problem := _problem_with_size(signatures, n_clusters):
        return problem
    values, vectors = _singular(signatures)
    k = n_clusters or _widest_gap(values, signatures)
    y = _coordinates(signatures, values[:k], vectors[:, :k])
    return numbered_by_size(
        _nearest_centres(y, signatures.n_cells, k, seed)[signatures.of_cell], is_train
    )


@dataclass(frozen=True)
class _Signatures:
    """What members say of cells: those that occur in training first, by their first cell. Members
    are sorted, their clusters numbered as they come up.
    """

    of_cell: Int[np.ndarray, " obs"]
    n_cells: Int[np.ndarray, " training"]
    clusters: Int[np.ndarray, "members signatures"]
    shares: Float[np.ndarray, " members"]

    @property
    def sizes(self) -> Int[np.ndarray, " members"]:
        """The number of clusters of every member among the training cells."""
        return self.clusters[:, : len(self.n_cells)].max(axis=1) + 1

    def weighted_indicator(self) -> csr_array:
        """Return H W^1/2, (signatures, clusters); a cluster without a training cell has no
        column.
        """
        known = self.clusters < self.sizes[:, None]
        columns = self.clusters + (np.cumsum(self.sizes) - self.sizes)[:, None]
        values = np.broadcast_to(np.sqrt(self.shares)[:, None], known.shape)
        starts = np.concatenate([[0], np.cumsum(known.sum(axis=0))])
        return csr_array(
            (values.T[known.T], columns.T[known.T], starts),
            shape=(known.shape[1], int(self.sizes.sum())),
        )


def _signatures(
    members: list[Clusters],
    shares: Float[np.ndarray, " members"],
    is_train: Bool[np.ndarray, " obs"],
) -> _Signatures:
    order = np.concatenate([np.flatnonzero(is_train), np.flatnonzero(~is_train)])
    codes = np.zeros(len(order), dtype=np.int64)
    for member in members:
        numbers, found = pd.factorize(member[order])
        codes = pd.factorize(codes * len(found) + numbers)[0]
    of_cell = np.empty_like(codes)
    of_cell[order] = codes
    n_cells = np.bincount(of_cell[is_train])
    first = order[np.unique(codes, return_index=True)[1]]
    clusters = [pd.factorize(member[first])[0] for member in members]
    n_training = len(n_cells)
    rank = sorted(
        range(len(members)),
        key=lambda m: (
            clusters[m][:n_training].tobytes(),
            shares[m],
            clusters[m][n_training:].tobytes(),
        ),
    )
    return _Signatures(of_cell, n_cells, np.stack([clusters[m] for m in rank]), shares[rank])


def _singular(
    signatures: _Signatures,
) -> tuple[Float[np.ndarray, " found"], Float[np.ndarray, "clusters found"]]:
    """Return S, falling, and V of equation (2), without directions of S = 0."""
    indicator, n_cells = (
        signatures.weighted_indicator()[: len(signatures.n_cells)],
        signatures.n_cells.astype(np.float64),
    )
    degrees = indicator @ (indicator.T @ n_cells)
    scaled = indicator.multiply(np.sqrt(n_cells / degrees)[:, None]).tocsr()
    squares, vectors = eigh((scaled.T @ scaled).toarray())
    squares, vectors = squares[::-1], vectors[:, ::-1]
    kept = squares > _ZERO
    return np.sqrt(squares[kept]), vectors[:, kept]


def _coordinates(
    signatures: _Signatures,
    values: Float[np.ndarray, " kept"],
    vectors: Float[np.ndarray, "clusters kept"],
) -> Float[np.ndarray, "signatures kept"]:
    """Return equation (3) of every signature; 0 for one of clusters without any training cell."""
    y = signatures.weighted_indicator() @ (vectors / values)
    lengths = np.linalg.norm(y, axis=1, keepdims=True)
    return y / np.where(lengths > 0, lengths, 1.0)


def _nearest_centres(
    y: Float[np.ndarray, "signatures kept"],
    n_cells: Int[np.ndarray, " training"],
    k: int,
    seed: int,
) -> Int[np.ndarray, " signatures"]:
    """Return equation (4) for every signature; the centres are those of the training cells."""
    weights = n_cells.astype(np.float64)
    most = np.sort(np.argsort(-n_cells, kind="stable")[: max(N_STARTING, k)])
    centres = KMeans(k, n_init=10, random_state=seed).fit(y[most], sample_weight=weights[most])
    if len(most) < len(n_cells):
        centres = KMeans(k, init=centres.cluster_centers_, n_init=1).fit(
            y[: len(n_cells)], sample_weight=weights
        )
    return centres.predict(y).astype(np.int64)


def _widest_gap(values: Float[np.ndarray, " found"], signatures: _Signatures) -> int:
    """Return the number of clusters that nobody declared; the smallest of equally wide gaps."""
    squares = np.append(values**2, 0.0)
    quartiles = np.quantile(
        signatures.sizes, [0.25, 0.75], weights=signatures.shares, method="inverted_cdf"
    )
    low, high = (min(int(number), len(values)) for number in quartiles)
    gaps = squares[low - 1 : high] - squares[low : high + 1]
    return low + int(np.flatnonzero(gaps >= gaps.max() - _ZERO)[0])


def _problem_with_size(signatures: _Signatures, n_clusters: int | None) -> Unavailable | None:
    if (total := int(signatures.sizes.sum())) > MAX_CLUSTERS:
        return Unavailable(
            Outcome.NOT_APPLICABLE,
            f"the clusterings have {total} clusters together, and a consensus takes at most"
            f" {MAX_CLUSTERS}",
        )
    if n_clusters is not None and n_clusters > len(signatures.n_cells):
        return Unavailable(
            Outcome.NOT_APPLICABLE,
            f"{n_clusters} clusters declared, and the clusterings tell only"
            f" {len(signatures.n_cells)} groups of training cells apart",
        )
    return None


def _shares(
    members: Sequence[Int[np.ndarray, " _"]],
    weights: Sequence[float] | None,
    is_train: Bool[np.ndarray, " obs"],
) -> Float[np.ndarray, " members"]:
    """Return the weights scaled to a sum of 1."""
    if wrong := [number for number, member in enumerate(members) if len(member) != len(is_train)]:
        raise ValueError(
            f"consensus: member {wrong[0]} has {len(members[wrong[0]])} cells, not {len(is_train)};"
            " give clusterings of the same cells"
        )
    if not is_train.any():
        raise ValueError(
            "consensus: is_train: no training cell; a consensus is fitted on the training cells"
        )
    raw = np.ones(len(members)) if weights is None else np.asarray(weights, dtype=np.float64)
    if (
        len(raw) != len(members)
        or not np.isfinite(raw).all()
        or (raw < 0).any()
        or (len(raw) and not raw.sum() > 0)
    ):
        raise ValueError(
            f"consensus: weights: {raw.tolist()} for {len(members)} members; give each a number of"
            " at least 0, not all of them 0"
        )
    return raw / max(raw.sum(), np.finfo(np.float64).tiny)
