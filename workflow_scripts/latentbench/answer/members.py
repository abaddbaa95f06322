"""The members of a consensus: of every code a small fixed set of clusterings that differ in
granularity and in clusterer, and what counts for how much.

A member's granularity is its effective number of clusters, with p_k the share of cells in k,

    n_eff = 1 / sum_k p_k^2                                                                 (1)

Inside a variant a member counts by how rare its granularity is, inside the members by how far it
agrees (ARI) with members of like granularity of others, and variants count alike:

    u_m = 1 / sum_l K(m, l) over members l of m's variant,
          K(m, l) = exp(-(log n_eff(m) - log n_eff(l))^2 / (2 h^2))                         (2)
    a_m = sum_l K(m, l) ARI(m, l) / sum_l K(m, l) over members l of other variants          (3)
    w_m ~ u_m / sum_{l in m's variant} u_l * min(1, max(0, a_m) / median(a))                (4)

with the median by weight, so that neither the number of members, nor of seeds, nor a grid that is
dense at its fine end decides how many groups are found. Where there is one variant, (3) is over its
other seeds, or, with one seed, over its other members.

Communities are Leiden's on the graph of shared neighbours (``latentbench.neighbours``), the rest
Gaussian mixtures by EM. With batches, the code first loses what sets batches apart inside
groups of cells that are each other's neighbours across batches (neighbours are looked for in
every batch alike, Polanski et al. 2020, doi:10.1093/bioinformatics/btz625; the correction is the
last step of Korsunsky et al. 2019, doi:10.1038/s41592-019-0619-0, with these groups):

    z_i <- z_i - n_bg / (n_bg + n_0) (mean_bg - mean_g),  b the batch, g the group of cell i (5)

with mean_g the mean over the batches of a group, each of them counted alike."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import igraph
import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from latentbench.neighbours import NeighbourGraph, graph_of, leiden_at, nearest

RESOLUTIONS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
COMPONENTS = {"full": (3, 4, 6, 9, 14, 22, 32), "diag": (4, 9, 22)}
"""Numbers of components by kind of covariance."""
BANDWIDTH = 0.25
"""h of equation (2): granularities closer than a quarter on a log scale are much the same."""
N_IN_GRAPH, N_IN_MIXTURE, N_COMPARED = 10_000, 4_000, 3_000
"""Cells that graphs and mixtures are fitted on, and that members are compared on, at most."""
N_SHRUNK = 10.0
"""n_0 of equation (5), cells."""


@dataclass(frozen=True)
class Members:
    """Clusterings of the same cells. ``clusters`` number from 0; ``weight`` sums to 1."""

    clusters: Int[np.ndarray, "members obs"]
    variant: tuple[str, ...]
    seed: tuple[int, ...]
    clusterer: tuple[str, ...]
    weight: Float[np.ndarray, " members"]

    def __post_init__(self) -> None:
        lengths = {len(self.clusters), *map(len, (self.variant, self.seed, self.clusterer))}
        assert lengths == {len(self.weight)}

    @property
    def granularity(self) -> Float[np.ndarray, " members"]:
        """Equation (1)."""
        return np.array([effective_number(each) for each in self.clusters])

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants, in the order of the alphabet."""
        return tuple(sorted(set(self.variant)))

    def of(self, chosen: Sequence[int] | np.ndarray) -> "Members":
        """Return some of the members (indices), with the weights that they have among
        themselves.
        """
        chosen = np.asarray(chosen, dtype=np.int64)
        weight = self.weight[chosen]
        return Members(
            self.clusters[chosen],
            tuple(self.variant[member] for member in chosen),
            tuple(self.seed[member] for member in chosen),
            tuple(self.clusterer[member] for member in chosen),
            weight / max(weight.sum(), np.finfo(np.float64).tiny),
        )


def members_of(
    z: Float[np.ndarray, "obs latent"],
    *,
    variant: str,
    seed: int,
    own: Int[np.ndarray, " obs"] | None = None,
    batch: Int[np.ndarray, " obs"] | None = None,
    fitted_on: Int[np.ndarray, " cells"] | None = None,
) -> Members:
    """Return the clusterings of one code: the fixed set of this module, and the model's ``own``.

    How cells are ordered is of no effect, as long as no two have the same code. ``fitted_on``:
    the cells (indices) to fit on, as under resampling; all, or a random part of very many,
    otherwise. Clusterings into one cluster are left out.

    Raises:
        ValueError: a code that is not finite, or of fewer than 10 cells.
    """
    _check(z, variant)
    order = np.lexsort(z.T)
    wanted = np.ones(len(z), dtype=bool)
    if fitted_on is not None:
        wanted[:] = False
        wanted[fitted_on] = True
    scaled = z[order].astype(np.float64)
    scaled = (scaled - scaled.mean(axis=0)) / max(float(scaled.std()), np.finfo(np.float64).tiny)
    batches = None if batch is None or np.ptp(batch) == 0 else batch[order]
    fitted = _fitted(wanted[order], N_IN_GRAPH, seed)
    if batches is not None:
        scaled = without_batch(scaled, batches, fitted=fitted, seed=seed)
    found = dict(_clusterings(scaled, fitted, wanted[order], seed))
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    clusters = {name: each[back] for name, each in found.items()}
    if own is not None:
        clusters["own"] = own
    kept = {name: _numbered(each) for name, each in clusters.items() if np.ptp(each) > 0}
    return _alike(np.array(list(kept.values()), dtype=np.int32), variant, seed, tuple(kept), len(z))


def given(clusters: Int[np.ndarray, " obs"], *, variant: str, seed: int = 0) -> Members:
    """Return a clustering that exists already as a member."""
    return _alike(_numbered(clusters)[None], variant, seed, ("given",), len(clusters))


def together(parts: Sequence[Members]) -> Members:
    """Return the members of all parts, sorted, with the weights of equation (4).

    Raises:
        ValueError: no part, or parts of different cells.
    """
    if len({part.clusters.shape[1] for part in parts}) != 1:
        raise ValueError(
            "members: the parts cluster different numbers of cells"
            f" ({sorted({part.clusters.shape[1] for part in parts})}); give clusterings of the same"
            " cells"
        )
    keys = [
        (variant, seed, clusterer)
        for part in parts
        for variant, seed, clusterer in zip(part.variant, part.seed, part.clusterer, strict=True)
    ]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    joined = Members(
        np.concatenate([part.clusters for part in parts])[order],
        tuple(keys[member][0] for member in order),
        tuple(keys[member][1] for member in order),
        tuple(keys[member][2] for member in order),
        np.full(len(order), 1 / max(len(order), 1)),
    )
    return weighted(joined)


def weighted(members: Members) -> Members:
    """Return the members with the weights of equation (4)."""
    if len(members.weight) < 2:
        return members
    variant = np.array(members.variant)
    seed = np.array(members.seed)
    kernel = likeness(members.granularity, members.granularity)
    same = variant[:, None] == variant
    rarity = 1 / (kernel * same).sum(axis=1)
    share = rarity / (same @ rarity)
    strangers = ~same
    if not strangers.any():
        strangers = seed[:, None] != seed
    if not strangers.any():
        strangers = ~np.eye(len(variant), dtype=bool)
    near = kernel * strangers + np.finfo(np.float64).tiny
    agree = (near * pairwise_ari(members.clusters)).sum(axis=1) / near.sum(axis=1)
    agree = np.maximum(agree, 0)
    usual = float(np.quantile(agree, 0.5, weights=share, method="inverted_cdf"))
    weight = share * (np.minimum(1, agree / usual) if usual > 0 else 1.0)
    return replace(members, weight=weight / weight.sum())


def likeness(
    one: Float[np.ndarray, " some"], other: Float[np.ndarray, " others"]
) -> Float[np.ndarray, "some others"]:
    """Return K of equation (2) for granularities."""
    return np.exp(-0.5 * ((np.log(one)[:, None] - np.log(other)) / BANDWIDTH) ** 2)


def effective_number(clusters: Int[np.ndarray, " obs"]) -> float:
    """Return equation (1)."""
    shares = np.bincount(clusters) / len(clusters)
    return float(1 / np.square(shares).sum())


def pairwise_ari(clusters: Int[np.ndarray, "members obs"]) -> Float[np.ndarray, "members members"]:
    """Return the ARI of every two members, on every so-many-th cell where there are very many."""
    step = clusters.shape[1] // N_COMPARED
    some = clusters[:, in_order(clusters)[::step]] if step > 1 else clusters
    indicator, starts = indicator_of(some)
    table = (indicator.T @ indicator).toarray()
    pairs = np.add.reduceat(np.add.reduceat(_choose2(table), starts, axis=0), starts, axis=1)
    return ari_of_pairs(pairs, np.diag(pairs)[:, None], np.diag(pairs), some.shape[1])


def indicator_of(
    clusters: Int[np.ndarray, "members obs"],
) -> tuple[csr_array, Int[np.ndarray, " members"]]:
    """Return which cell is in which cluster of which member, (obs, clusters of all), and the
    column where each member's clusters start.
    """
    n_members, n_obs = clusters.shape
    sizes = clusters.max(axis=1).astype(np.int64) + 1
    starts = np.cumsum(sizes) - sizes
    columns = (clusters + starts[:, None]).T.ravel()
    pointers = np.arange(n_obs + 1) * n_members
    ones = np.ones(len(columns))
    return csr_array((ones, columns, pointers), shape=(n_obs, int(sizes.sum()))), starts


def in_order(clusters: Int[np.ndarray, "members obs"]) -> Int[np.ndarray, " obs"]:
    """Return the cells sorted by a hash of what all members say of them: an order that is
    theirs, however they came, and in which cells that all members treat alike are neighbours.
    """
    key = np.zeros(clusters.shape[1], dtype=np.uint64)
    for member in clusters:
        key = (key ^ (key >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
        key += member.astype(np.uint64) + np.uint64(1)
    key = (key ^ (key >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    return np.argsort(key, kind="stable")


def ari_of_pairs(
    both: Float[np.ndarray, "..."],
    left: Float[np.ndarray, "..."] | float,
    right: Float[np.ndarray, "..."] | float,
    n_obs: int,
) -> Float[np.ndarray, "..."]:
    """Return the ARI from the numbers of pairs of cells that are together in both, in the left and
    in the right clustering (Hubert and Arabie 1985); 1 where both are trivial.
    """
    expected = left * right / (n_obs * (n_obs - 1) / 2)
    room = (left + right) / 2 - expected
    return np.divide(both - expected, room, out=np.ones_like(room * both), where=room > 1e-9)


def without_batch(
    z: Float[np.ndarray, "obs latent"],
    batch: Int[np.ndarray, " obs"],
    *,
    fitted: Int[np.ndarray, " cells"],
    seed: int,
) -> Float[np.ndarray, "obs latent"]:
    """Return the code by equation (5)."""
    graph, z_fitted, batch_fitted = _balanced_graph(z, batch, fitted)
    groups = leiden_at(graph, 1.0, seed)
    corrected = z.copy()
    nearest_fitted = nearest(z, z_fitted, 1)[:, 0]
    group_of = groups[nearest_fitted]
    group_of[fitted] = groups
    for group in range(int(groups.max()) + 1):
        inside = groups == group
        means = {
            each: (z_fitted[inside & (batch_fitted == each)].mean(axis=0), size)
            for each in np.unique(batch_fitted)
            if (size := int((inside & (batch_fitted == each)).sum()))
        }
        centre = np.mean([mean for mean, _ in means.values()], axis=0)
        for each, (mean, size) in means.items():
            rows = (group_of == group) & (batch == each)
            corrected[rows] -= size / (size + N_SHRUNK) * (mean - centre)
    return corrected


def _balanced_graph(
    z: Float[np.ndarray, "obs latent"],
    batch: Int[np.ndarray, " obs"],
    fitted: Int[np.ndarray, " cells"],
) -> tuple[igraph.Graph, Float[np.ndarray, "cells latent"], Int[np.ndarray, " cells"]]:
    """Return the graph of shared neighbours that are looked for in every batch alike."""
    z_fitted, batch_fitted = z[fitted], batch[fitted]
    names, sizes = np.unique(batch_fitted, return_counts=True)
    each = max(3, 16 // len(names))
    hoods = np.concatenate(
        [
            np.flatnonzero(batch_fitted == name)[
                nearest(z_fitted, z_fitted[batch_fitted == name], each)
            ]
            for name, size in zip(names, sizes, strict=True)
            if size >= each
        ],
        axis=1,
    )
    return graph_of(np.sort(hoods, axis=1)), z_fitted, batch_fitted


def _clusterings(
    z: Float[np.ndarray, "obs latent"],
    fitted: Int[np.ndarray, " cells"],
    wanted: np.ndarray,
    seed: int,
) -> Iterator[tuple[str, Int[np.ndarray, " obs"]]]:
    is_train = np.zeros(len(z), dtype=bool)
    is_train[fitted] = True
    graph = NeighbourGraph(z, is_train)
    for resolution in RESOLUTIONS:
        found = leiden_at(graph.train, resolution, seed)
        clusters = np.empty(len(z), dtype=np.int64)
        clusters[is_train] = found
        if not is_train.all():
            clusters[~is_train] = graph.vote(found)
        yield f"leiden {resolution:g}", clusters
    sample = z[_fitted(wanted, N_IN_MIXTURE, seed)]
    for covariance, numbers in COMPONENTS.items():
        for number in numbers:
            if number * (z.shape[1] if covariance == "full" else 4) > len(sample):
                continue
            mixture = GaussianMixture(
                number,
                covariance_type=covariance,
                random_state=seed,
                max_iter=60,
                tol=3e-3,
                reg_covar=1e-3 * float(sample.var(axis=0).mean()),
            )
            with warnings.catch_warnings():
                # A member need not have converged: it is one opinion of many.
                warnings.simplefilter("ignore", ConvergenceWarning)
                mixture.fit(sample)
            yield f"{covariance} {number}", mixture.predict(z)


def _fitted(wanted: np.ndarray, at_most: int, seed: int) -> Int[np.ndarray, " cells"]:
    cells = np.flatnonzero(wanted)
    if len(cells) <= at_most:
        return cells
    return np.sort(np.random.default_rng(seed).choice(cells, at_most, replace=False))


def _check(z: Float[np.ndarray, "obs latent"], variant: str) -> None:
    if len(z) < 10:
        raise ValueError(f"{variant}: {len(z)} cells are too few to cluster; give at least 10")
    if not np.isfinite(z).all():
        cell, axis = (int(place[0]) for place in np.nonzero(~np.isfinite(z)))
        raise ValueError(
            f"{variant}: the code of cell {cell} is {z[cell, axis]} in dimension {axis}; give"
            " finite codes"
        )


def _alike(
    clusters: np.ndarray, variant: str, seed: int, clusterers: tuple[str, ...], n_obs: int
) -> Members:
    n_members = len(clusters)
    return Members(
        clusters.reshape(n_members, n_obs),
        (variant,) * n_members,
        (seed,) * n_members,
        clusterers,
        np.full(n_members, 1 / max(n_members, 1)),
    )


def _numbered(clusters: np.ndarray) -> Int[np.ndarray, " obs"]:
    return np.unique(clusters, return_inverse=True)[1].astype(np.int32)


def _choose2(counts: np.ndarray) -> np.ndarray:
    return counts * (counts - 1) / 2
