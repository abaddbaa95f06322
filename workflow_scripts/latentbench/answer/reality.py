"""Are the groups real? Every two neighbouring groups are told apart by one part of the counts as
the other says, and merged where one group cut in two would be told apart as well.

Groups are found in one part of the counts (``maths.count_splitting``); both parts are
log-normalised and put on the principal components of the first. For two groups, with a and b the
cross-validated linear discriminant of a cell in the first and in the second part (Fisher 1936;
direction from other cells' first parts), freed from its slope on log library size inside the
groups, y = 1 in the smaller group and 0 in the other, p the share of the smaller:

    AUC = P(b of a cell with y = 1 > b of a cell with y = 0)                                (1)
    r   = corr(a, b),  rho = corr(y, b)                                                     (2)
    h   = phi(t) / sqrt(p (1 - p)),  t = the p-quantile of the normal                       (3)
    T   = rho - c h                                                                         (4)
    D   = ((rho / c)^2 - h^2) / (1 - h^2)                                                   (5)

c, the correlation of b with what the groups were cut from, is r where that was the first part, and
sqrt((1 + r) / 2) where it was both. h is what rho / c comes to where the two are *one* normal
cloud, however long, cut at the same share (the correlation of a normal variable with its own cut),
so that T and D are about 0 there at every depth: noise lowers rho and c alike. An AUC alone grows
with depth; a cloud that is cut in the middle is told apart with .95 and more in deep counts. D is 1
where all that the second part knows of the first is which group a cell is from. The null
distribution of T is drawn: n cells on one normal cloud with correlation r, cut at the same share,
which is the best that clustering them anew can do (Gao, Bien and Witten 2022,
doi:10.1080/01621459.2022.2116331, on why the cut must be redone; Grabski, Street and Irizarry 2023,
doi:10.1038/s41592-023-01933-9, for one correlated cloud as null).

Two groups are told apart where p (Holm over the pairs tested) is at most ``alpha``, the lower
bound of D (one-sided, 95 %, by the spread of T under the null) at least ``discreteness``, the AUC
at least ``auc`` and its share of what the null leaves, which does not grow with depth,

    (AUC - mean AUC under the null) / (1 - mean AUC under the null)                         (6)

at least ``beyond_null``; and where D is not far above 1, which no group reaches by what was seen of
it. Until every pair is, the worst is merged.

What this cannot promise: a continuum has no right answer, and one that is denser at its ends than
in its middle counts as two groups; cells of one kind may differ by cycle, stress or quality with a
gap between, and then are two groups in truth. p is the test of a normal cloud: of one that is
skewed, as by programmes of log-normal rates, it rejects too often, which the margin of D is for.
Pairs that never share a batch are flagged, not tested within batches.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from scipy import sparse
from scipy.special import ndtr, ndtri
from scipy.stats import norm, rankdata

from latentbench.evaluation.bootstrap import holm
from latentbench.maths.count_splitting import Parts

N_TOP_GENES, N_PCS = 2000, 30
N_FITTED = 20_000
"""Cells that the components are found on, at most."""
N_OF_GROUP = 500
"""Cells of a group that a pair is judged by, at most."""
FEWEST = 5
"""Of a group with fewer cells nothing can be said: it joins the nearest."""
N_FOLDS, N_NEAREST = 5, 3
N_NULL, N_NULL_AUC = 60, 10
"""Draws from the null, and those of them that the mean AUC is taken over."""
MOST_DISCRETE = 2.0
"""Of equation (5), which is 1 at most but for errors: above it groups differ in what was not seen
of them, such as depth."""
SHRINKAGE = 0.1
"""Share of the spherical covariance in the discriminant's."""


@dataclass(frozen=True)
class Rule:
    """When two groups are told apart: see the module."""

    alpha: float = 0.05
    discreteness: float = 0.2
    auc: float = 0.0
    beyond_null: float = -np.inf


RULE = Rule()


@dataclass(frozen=True)
class Space:
    """Both parts of every cell on the same components, and its log library size (both parts).

    ``found_on``: what the groups were found on. "seen": the first part. "all": both parts
    together, so that the second is no fresh evidence; the null allows for it, at the cost of power.
    """

    seen: Float[np.ndarray, "obs pcs"]
    held_out: Float[np.ndarray, "obs pcs"]
    log_size: Float[np.ndarray, " obs"]
    found_on: str = "seen"


@dataclass(frozen=True)
class Separability:
    """How well pairs of groups are told apart. ``pairs`` has a row a pair: first, second (numbers
    of groups), n_first, n_second, auc (1), auc_null (mean under the null), reliability (r of (2)),
    discreteness (5), discreteness_low (its one-sided 95 % bound), p, p_holm, confounded (no batch
    holds both), told_apart.
    """

    pairs: pd.DataFrame
    n_groups: int

    @property
    def matrix(self) -> Float[np.ndarray, "groups groups"]:
        """The AUCs, symmetric; NaN where a pair was not judged."""
        auc = np.full((self.n_groups, self.n_groups), np.nan)
        first, second = self.pairs["first"].to_numpy(int), self.pairs["second"].to_numpy(int)
        auc[first, second] = auc[second, first] = self.pairs["auc"].to_numpy(float)
        return auc


@dataclass(frozen=True)
class Merges:
    """The groups that are left (numbered by size, largest first), which of them each group given
    became, what was merged (a row a step: the merged pair as sets of groups given, its numbers),
    and how well those left are told apart.
    """

    groups: Int[np.ndarray, " obs"]
    became: Int[np.ndarray, " given"]
    steps: pd.DataFrame
    separability: Separability


def space_of(
    parts: Parts,
    *,
    n_top_genes: int = N_TOP_GENES,
    n_pcs: int = N_PCS,
    found_on: str = "seen",
    seed: int = 0,
) -> Space:
    """Return both parts on the components of the first: counts per median library size, log1p,
    genes of highest variance beyond Poisson, scaled to unit variance.

    Raises:
        ValueError: parts of different shape.
    """
    if parts.seen.shape != parts.held_out.shape:
        raise ValueError(
            f"reality: parts of {parts.seen.shape} and {parts.held_out.shape}; give two parts of"
            " the same cells and genes"
        )
    sizes = [np.asarray(part.sum(axis=1)).ravel().astype(np.float64) for part in _both(parts)]
    target = max(float(np.median(sizes[0])), 1.0)
    genes = _variable_genes(parts.seen, sizes[0], n_top_genes)
    logs = [
        _log_normalised(part[:, genes], size, target)
        for part, size in zip(_both(parts), sizes, strict=True)
    ]
    scale = _standard_deviations(logs[0])
    logs = [each @ sparse.diags_array(1 / scale) for each in logs]
    rng = np.random.default_rng([seed, 1])
    fitted = logs[0]
    if fitted.shape[0] > N_FITTED:
        fitted = fitted[np.sort(rng.choice(fitted.shape[0], N_FITTED, replace=False))]
    loadings, mean = _components(fitted, min(n_pcs, *(side - 1 for side in fitted.shape)), rng)
    seen, held_out = (np.asarray(each @ loadings) - mean @ loadings for each in logs)
    return Space(seen, held_out, np.log1p(sizes[0] + sizes[1]), found_on)


def separability(
    space: Space,
    groups: Int[np.ndarray, " obs"],
    *,
    pairs: Sequence[tuple[int, int]] | None = None,
    batch: Int[np.ndarray, " obs"] | None = None,
    rule: Rule = RULE,
    seed: int = 0,
) -> Separability:
    """Return how well pairs of groups (numbered from 0; -1: none) are told apart: by default every
    group and its ``N_NEAREST`` nearest.

    Raises:
        ValueError: groups or batches of another number of cells.
    """
    _check(space, groups, batch)
    judge = _judge(space, groups, batch, seed)
    if pairs is None:
        pairs = _neighbours(_means(space.seen, groups), np.bincount(groups[groups >= 0]))
    return _table([judge((a,), (b,)) for a, b in pairs], list(pairs), int(groups.max()) + 1, rule)


def merge_until_told_apart(
    space: Space,
    groups: Int[np.ndarray, " obs"],
    *,
    batch: Int[np.ndarray, " obs"] | None = None,
    rule: Rule = RULE,
    seed: int = 0,
) -> Merges:
    """Merge the pair that is told apart worst (lowest AUC among those that the rule does not tell
    apart) until every group is told apart from its nearest; see ``separability``.
    """
    _check(space, groups, batch)
    judge = _judge(space, groups, batch, seed)
    sets = [(group,) for group in np.unique(groups[groups >= 0]).tolist()]
    centres, sizes = _means(space.seen, groups), np.bincount(groups[groups >= 0]).astype(float)
    kept: dict[tuple[tuple[int, ...], tuple[int, ...]], dict[str, object]] = {}
    steps: list[dict[str, object]] = []
    while True:
        weights = np.array([sizes[list(each)].sum() for each in sets])
        middles = np.array([sizes[list(s)] @ centres[list(s)] / sizes[list(s)].sum() for s in sets])
        pairs = _neighbours(middles, weights)
        keys = [(sets[a], sets[b]) for a, b in pairs]
        for key in keys:
            if key not in kept:
                kept[key] = judge(*key)
        table = _table([kept[key] for key in keys], pairs, len(sets), rule)
        failing = table.pairs[~table.pairs["told_apart"].to_numpy(bool)]
        if failing.empty:
            break
        worst = failing.sort_values(["auc", "first", "second"], na_position="first").iloc[0]
        first, second = sets[int(worst["first"])], sets[int(worst["second"])]
        numbers = worst.drop(["first", "second", "told_apart"]).to_dict()
        steps.append({"first": first, "second": second, **numbers})
        sets = [each for each in sets if each not in (first, second)]
        sets.append(tuple(sorted(first + second)))
        sets.sort()
    order = sorted(range(len(sets)), key=lambda each: (-weights[each], sets[each]))
    rank = np.argsort(order)
    became = np.full(len(sizes), -1, dtype=np.int64)
    for number, members in enumerate(sets):
        became[list(members)] = rank[number]
    left = np.where(groups >= 0, became[np.maximum(groups, 0)], -1)
    renamed = table.pairs.assign(
        first=[rank[each] for each in table.pairs["first"]],
        second=[rank[each] for each in table.pairs["second"]],
    )
    return Merges(left, became, pd.DataFrame(steps), Separability(renamed, len(sets)))


def _judge(
    space: Space,
    groups: Int[np.ndarray, " obs"],
    batch: Int[np.ndarray, " obs"] | None,
    seed: int,
) -> Callable[[tuple[int, ...], tuple[int, ...]], dict[str, object]]:
    """Return what judges two sets of groups, batch by batch where both have cells there."""
    order = np.random.default_rng([seed, 2]).permutation(len(groups))
    members = [order[groups[order] == group] for group in range(groups.max() + 1)]

    def judge(first: tuple[int, ...], second: tuple[int, ...]) -> dict[str, object]:
        sides = [_cells_of(members, each) for each in (first, second)]
        numbers = {"n_first": len(sides[0]), "n_second": len(sides[1]), "confounded": False}
        small, large = sorted(sides, key=len)
        rng = np.random.default_rng([seed, 3, len(small), len(large)])
        if len(small) < FEWEST:
            return {**numbers, **_UNTOLD}
        parts = [(small, large)]
        if batch is not None:
            parts = [
                (small[batch[small] == one], large[batch[large] == one]) for one in np.unique(batch)
            ]
            parts = [part for part in parts if min(map(len, part)) >= FEWEST]
            if not parts:
                parts, numbers["confounded"] = [(small, large)], True
        return {**numbers, **_combined([_told(space, *part, rng) for part in parts])}

    return judge


_UNTOLD = {
    "auc": np.nan,
    "auc_null": np.nan,
    "reliability": np.nan,
    "discreteness": np.nan,
    "discreteness_low": np.nan,
    "p": 1.0,
}


def _told(space: Space, one: np.ndarray, zero: np.ndarray, rng: np.random.Generator) -> dict:
    """Return equations (1) to (5) and the z of (4) for cells of two groups."""
    share = len(one) / (len(one) + len(zero))
    n = len(one) + len(zero)
    one, zero = one[:N_OF_GROUP], zero[:N_OF_GROUP]
    cells = np.concatenate([one, zero])
    y = np.arange(len(cells)) < len(one)
    weight = np.where(y, share / len(one), (1 - share) / len(zero))
    scores = _discriminants(space.seen[cells], space.held_out[cells], y, weight)
    a, b = _without_size(scores, space.log_size[cells], y)
    r, rho = float(_correlation(a, b, weight)), float(_correlation(y, b, weight))
    h = float(norm.pdf(ndtri(share)) / np.sqrt(share * (1 - share)))
    null_a, null_b = _drawn(max(r, 0.0), share, y, space.found_on, rng)
    null_r = _correlation(null_a, null_b, weight)
    null_t = _correlation(y, null_b, weight) - _strength(null_r, space.found_on) * h
    strength = float(_strength(np.asarray(r), space.found_on))
    spread = max(float(null_t.std(ddof=1)), 1e-3 / np.sqrt(n))
    scale = max(strength, 2 / np.sqrt(len(y)))
    discreteness, low = (
        (np.sign(each) * (each / scale) ** 2 - h**2) / (1 - h**2) for each in (rho, rho - spread)
    )
    return {
        "n": n,
        "auc": float(_auc(b[None], y)[0]),
        "auc_null": float(_auc(null_b[:N_NULL_AUC], y).mean()),
        "reliability": r,
        "discreteness": discreteness,
        "error": discreteness - low,
        "z": (rho - strength * h - float(null_t.mean())) / spread,
    }


def _combined(parts: list[dict]) -> dict[str, float]:
    """Return one verdict of several batches: means by cells, z by Stouffer (1949)."""
    n = np.array([part["n"] for part in parts], dtype=np.float64)
    z = np.sqrt(n) @ [part["z"] for part in parts] / np.sqrt(n.sum())
    means = {
        name: float(n @ [part[name] for part in parts] / n.sum())
        for name in ("auc", "auc_null", "reliability", "discreteness")
    }
    error = float(np.sqrt(np.square(n) @ [part["error"] ** 2 for part in parts]) / n.sum())
    low = means["discreteness"] - norm.ppf(0.95) * error
    return {**means, "discreteness_low": low, "p": float(ndtr(-z))}


def _discriminants(
    seen: np.ndarray, held_out: np.ndarray, y: Bool[np.ndarray, " obs"], weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return a and b of every cell, with the direction and the scale from the other folds."""
    fold = np.empty(len(y), dtype=np.int64)
    for side in (y, ~y):
        fold[side] = np.arange(side.sum()) % N_FOLDS
    a, b = np.zeros(len(y)), np.zeros(len(y))
    for each in range(N_FOLDS):
        out, kept = fold == each, fold != each
        z, of_one, w = seen[kept], y[kept], weight[kept]
        means = [z[side].mean(axis=0) for side in (of_one, ~of_one)]
        residuals = z - np.where(of_one[:, None], *means)
        covariance = (residuals * w[:, None]).T @ residuals / w.sum()
        spherical = np.trace(covariance) / len(covariance)
        covariance = (1 - SHRINKAGE) * covariance
        covariance[np.diag_indices_from(covariance)] += SHRINKAGE * spherical + 1e-12
        direction = np.linalg.solve(covariance, means[0] - means[1])
        middle = w @ z / w.sum()
        along = (z - middle) @ direction
        scale = max(float(np.sqrt(w @ np.square(along) / w.sum())), 1e-12)
        a[out] = (seen[out] - middle) @ direction / scale
        b[out] = (held_out[out] - middle) @ direction / scale
    return a, b


def _without_size(
    scores: tuple[np.ndarray, np.ndarray], log_size: np.ndarray, y: Bool[np.ndarray, " obs"]
) -> list[np.ndarray]:
    """Return the scores less what log library size (to its square) explains inside the groups."""
    if np.ptp(log_size) == 0:
        return list(scores)
    powers = np.column_stack([log_size - log_size.mean(), np.square(log_size - log_size.mean())])
    slopes = np.linalg.lstsq(_centred(powers, y), _centred(np.column_stack(scores), y))[0]
    freed = np.column_stack(scores) - (powers - powers.mean(axis=0)) @ slopes
    return list(freed.T)


def _centred(values: np.ndarray, y: Bool[np.ndarray, " obs"]) -> np.ndarray:
    return values - np.where(y[:, None], values[y].mean(axis=0), values[~y].mean(axis=0))


def _drawn(
    r: float, share: float, y: Bool[np.ndarray, " obs"], found_on: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return draws of (a, b) from one normal cloud with correlation r, cut so that y has its share:
    along a, or along a + b where the groups were found on both.
    """
    uniform = rng.random((N_NULL, len(y)))
    above = 1 - share * uniform
    cut = ndtri(np.where(y, above, (1 - share) * np.maximum(uniform, 1e-12)))
    other = rng.standard_normal(cut.shape)
    if found_on == "all":
        common, own = np.sqrt((1 + r) / 2) * cut, np.sqrt(max(1 - r, 0) / 2) * other
        return common + own, common - own
    return cut, r * cut + np.sqrt(max(1 - r**2, 0)) * other


def _strength(r: np.ndarray, found_on: str) -> np.ndarray:
    """Return c of equation (4)."""
    return np.asarray(np.sqrt(np.maximum((1 + r) / 2, 0))) if found_on == "all" else r


def _correlation(a: np.ndarray, b: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return weighted correlations along the last axis."""
    a, b = (each - (each @ weight)[..., None] for each in (a.astype(float), b.astype(float)))
    spread = np.sqrt((a * a) @ weight * ((b * b) @ weight))
    return np.asarray((a * b) @ weight / np.maximum(spread, 1e-12))


def _auc(scores: np.ndarray, y: Bool[np.ndarray, " obs"]) -> np.ndarray:
    ranks = rankdata(scores, axis=1)[:, y].sum(axis=1)
    n_one = y.sum()
    return (ranks - n_one * (n_one + 1) / 2) / (n_one * (len(y) - n_one))


def _table(
    verdicts: list[dict], pairs: Sequence[tuple[int, int]], n_groups: int, rule: Rule
) -> Separability:
    columns = ["first", "second", "n_first", "n_second", *list(_UNTOLD), "confounded"]
    frame = pd.DataFrame(
        [
            {"first": first, "second": second, **each}
            for (first, second), each in zip(pairs, verdicts, strict=True)
        ],
        columns=columns,
    )
    adjusted = holm(frame["p"].to_numpy(np.float64)) if len(frame) else np.zeros(0)
    passed = (
        (adjusted <= rule.alpha)
        & (frame["discreteness_low"].to_numpy(np.float64) >= rule.discreteness)
        & (frame["discreteness"].to_numpy(np.float64) <= MOST_DISCRETE)
        & (frame["auc"].to_numpy(np.float64) >= rule.auc)
        & (beyond_null(frame).to_numpy(np.float64) >= rule.beyond_null)
    )
    return Separability(frame.assign(p_holm=adjusted, told_apart=passed), n_groups)


def beyond_null(pairs: pd.DataFrame) -> pd.Series:
    """Return equation (6)."""
    return (pairs["auc"] - pairs["auc_null"]) / np.maximum(1 - pairs["auc_null"], 1e-6)


def _neighbours(centres: np.ndarray, sizes: np.ndarray) -> list[tuple[int, int]]:
    """Return every group that has cells with its nearest, each pair once."""
    there = np.flatnonzero(sizes > 0)
    found = set()
    for one in there:
        others = there[there != one]
        distance = np.square(centres[others] - centres[one]).sum(axis=1)
        for other in others[np.argsort(distance, kind="stable")[:N_NEAREST]]:
            found.add((int(min(one, other)), int(max(one, other))))
    return sorted(found)


def _cells_of(members: list[np.ndarray], groups: tuple[int, ...]) -> np.ndarray:
    """Return the cells of a set of groups, mixed evenly, so that its first are like all."""
    cells = [members[group] for group in groups]
    place = np.concatenate([(np.arange(len(each)) + 0.5) / max(len(each), 1) for each in cells])
    return np.concatenate(cells)[np.argsort(place, kind="stable")]


def _means(z: np.ndarray, groups: Int[np.ndarray, " obs"]) -> np.ndarray:
    inside = groups >= 0
    n = np.bincount(groups[inside])
    member = sparse.csr_matrix(
        (np.ones(inside.sum()), (groups[inside], np.flatnonzero(inside))), (len(n), len(z))
    )
    return np.asarray(member @ z) / np.maximum(n, 1)[:, None]


def _check(space: Space, groups: np.ndarray, batch: np.ndarray | None) -> None:
    for name, each in (("groups", groups), ("batch", batch)):
        if each is not None and len(each) != len(space.seen):
            raise ValueError(
                f"reality: {name} of {len(each)} cells, counts of {len(space.seen)}; give one for"
                " every cell"
            )


def _both(parts: Parts) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    return parts.seen, parts.held_out


def _log_normalised(
    x: sparse.csr_matrix, size: Float[np.ndarray, " obs"], target: float
) -> sparse.csr_matrix:
    scaled = sparse.csr_matrix(sparse.diags_array(target / np.maximum(size, 1)) @ x)
    scaled.data = np.log1p(scaled.data).astype(np.float32)
    return scaled


def _variable_genes(
    x: sparse.csr_matrix, size: Float[np.ndarray, " obs"], n_top: int
) -> Int[np.ndarray, " genes"]:
    """Return the genes of highest variance beyond Poisson's, relative to it."""
    values = x.astype(np.float64)
    rate = np.asarray(values.sum(axis=0)).ravel() / max(size.sum(), 1.0)
    squares = np.asarray(values.multiply(values).sum(axis=0)).ravel()
    crossed = np.asarray(values.T @ size).ravel() * rate
    poisson = rate * size.sum()
    beyond = squares - 2 * crossed + np.square(size).sum() * np.square(rate) - poisson
    score = beyond / np.maximum(poisson, 5.0)
    usable = np.flatnonzero(poisson > 0)
    return np.sort(usable[np.argsort(-score[usable], kind="stable")[:n_top]])


def _standard_deviations(x: sparse.csr_matrix) -> Float[np.ndarray, " genes"]:
    mean = np.asarray(x.mean(axis=0)).ravel()
    variance = np.asarray(x.multiply(x).mean(axis=0)).ravel() - np.square(mean)
    return np.sqrt(np.where(variance > 1e-12, variance, 1.0)).astype(np.float32)


def _components(
    x: sparse.csr_matrix, n_pcs: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "genes pcs"], Float[np.ndarray, " genes"]]:
    """Return loadings and mean, by subspace iteration (Halko, Martinsson and Tropp 2011)."""
    mean = np.asarray(x.mean(axis=0)).ravel().astype(np.float64)
    basis = rng.standard_normal((x.shape[1], min(n_pcs + 10, *x.shape)))
    for _ in range(6):
        left = np.linalg.qr(np.asarray(x @ basis) - mean @ basis)[0]
        basis = np.linalg.qr(np.asarray(x.T @ left) - np.outer(mean, left.sum(axis=0)))[0]
    rotated = np.linalg.svd(np.asarray(x @ basis) - mean @ basis, full_matrices=False)[2]
    return basis @ rotated[:n_pcs].T, mean
