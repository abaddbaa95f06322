"""How often one population is found to be one group, how often its tests reject at 5 %, and how
large two groups and their difference must be to be told apart.

Nulls: one cell line of a mixture, counts with every gene permuted over cells, Poisson, negative
binomial, and correlated (log-normal rates of five programmes) populations with a spread of library
sizes. Every null is cut finely on one part of its counts and merged by the other.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from driver import RESULTS
from publishing import write_summary
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from latentbench.answer.reality import Rule, merge_until_told_apart, separability, space_of
from latentbench.logs import log_to, logger
from latentbench.maths.count_splitting import split_counts

HELD_OUT = 0.2
"""As config.yaml has it."""
N_CELLS, N_FINE, N_GENES = 300, 8, 1000
SHIPPED = "nothing is merged"
"""But where merging by the rule in force leaves one group, it is one."""
RULES = {
    "D .5": Rule(discreteness=0.5, auc=0.0),
    "D .35, half of what the null leaves": Rule(discreteness=0.35, auc=0.0, beyond_null=0.5),
    "D .35": Rule(discreteness=0.35, auc=0.0),
    "D .2": Rule(discreteness=0.2, auc=0.0),
    "p alone": Rule(discreteness=-np.inf, auc=0.0),
    SHIPPED: Rule(alpha=1.0, discreteness=-np.inf, auc=0.0),
}
"""The rules that are compared, on nulls here and on labelled data in evidence.py."""


def simulated(kind: str, rng: np.random.Generator) -> sparse.csr_matrix:
    """Return counts of one population."""
    log_rate = np.tile(rng.normal(-1, 1.2, N_GENES), (N_CELLS, 1))
    if kind == "correlated":
        programmes = rng.normal(0, 1, (5, N_GENES)) * (rng.random((5, N_GENES)) < 0.1)
        log_rate = log_rate + 0.5 * rng.normal(size=(N_CELLS, 5)) @ programmes
    rate = np.exp(log_rate) * rng.lognormal(0, 0.5, (N_CELLS, 1))
    if kind == "negative binomial":
        rate = rng.gamma(2.0, rate / 2.0)
    return sparse.csr_matrix(rng.poisson(rate))


def permuted(counts: sparse.csr_matrix, rng: np.random.Generator) -> sparse.csr_matrix:
    """Return the counts with every gene permuted over cells."""
    columns = sparse.csc_matrix(counts)
    for gene in range(columns.shape[1]):
        part = slice(columns.indptr[gene], columns.indptr[gene + 1])
        columns.indices[part] = rng.choice(columns.shape[0], part.stop - part.start, replace=False)
    columns.has_sorted_indices = False
    columns.sort_indices()
    return sparse.csr_matrix(columns)


def real_nulls(
    lines: ad.AnnData, blood: ad.AnnData, rng: np.random.Generator
) -> Iterator[tuple[str, sparse.csr_matrix, np.ndarray | None]]:
    """Yield four fifths of every cell line, with its batches, and permuted counts of PBMC."""
    batch = lines.obs["batch"].astype("category").cat.codes.to_numpy().astype(np.int64)
    for line in sorted(set(lines.obs["label"])):
        cells = np.flatnonzero((lines.obs["label"] == line).to_numpy())
        cells = np.sort(rng.choice(cells, int(0.8 * len(cells)), replace=False))
        yield f"cell line {line}", sparse.csr_matrix(lines.X[cells]), batch[cells]
    cells = np.sort(rng.choice(blood.n_obs, N_CELLS, replace=False))
    counts = sparse.csr_matrix(blood.X[cells])
    yield "permuted PBMC", permuted(counts[:, np.asarray(counts.sum(0)).ravel() > 3], rng), None


def cut(z: np.ndarray, batch: np.ndarray | None, n_clusters: int, seed: int) -> np.ndarray:
    """Return groups of a code, its batches centred."""
    z = z[:, :15].copy()
    for each in np.unique(batch) if batch is not None else ():
        z[batch == each] -= z[batch == each].mean(axis=0)
    return KMeans(n_clusters, n_init=1, random_state=seed).fit(z).labels_.astype(np.int64)


def null_rows(first: int, n: int, data: Path) -> list[dict]:
    """Return a row a null, draw and rule."""
    rows = []
    lines, blood = (ad.read_h5ad(data / f"{name}.h5ad") for name in ("sc_mixology_3cl", "pbmc3k"))
    for seed in range(first, first + n):
        rng = np.random.default_rng([7, seed])
        nulls = list(real_nulls(lines, blood, rng))
        nulls += [
            (f"simulated, {kind}", simulated(kind, rng), None)
            for kind in ("Poisson", "negative binomial", "correlated")
        ]
        for name, counts, batch in nulls:
            space = space_of(split_counts(counts, held_out=HELD_OUT, seed=seed), seed=seed)
            halves = cut(space.seen, batch, 2, seed)
            p = separability(space, halves, batch=batch, seed=seed).pairs["p"].iloc[0]
            fine = cut(space.seen, batch, N_FINE, seed)
            for rule_name, rule in RULES.items():
                left = merge_until_told_apart(space, fine, batch=batch, rule=rule, seed=seed)
                rows.append(
                    {
                        "null": name,
                        "rule": f"one group, {rule_name}",
                        "one": left.separability.n_groups == 1,
                        "p": p,
                    }
                )
        logger.info("nulls: draw %d of %d", seed + 1 - first, n)
    return rows


def power_rows(n: int) -> list[dict]:
    """Return a row an effect, size of the smaller group, and draw: two groups that differ in 50 of
    1,000 genes, in 600 cells.
    """
    rows = []
    for effect in (0.25, 0.5, 0.75, 1.0, 1.5):
        for size in (10, 30, 100, 300):
            for seed in range(n):
                rng = np.random.default_rng([8, seed, size])
                groups = (np.arange(600) < size).astype(np.int64)
                log_rate = np.tile(rng.normal(-1, 1.2, N_GENES), (600, 1))
                log_rate[:size, rng.choice(N_GENES, 50, replace=False)] += effect
                counts = rng.poisson(np.exp(log_rate) * rng.lognormal(0, 0.5, (600, 1)))
                space = space_of(split_counts(counts, held_out=HELD_OUT, seed=seed), seed=seed)
                found = separability(space, groups, seed=seed).pairs.iloc[0]
                left = merge_until_told_apart(space, cut(space.seen, None, N_FINE, seed), seed=seed)
                rows.append(
                    {
                        "effect (log fold)": effect,
                        "cells": size,
                        "auc": found["auc"],
                        "true pair told apart": found["told_apart"],
                        "ari after merging": adjusted_rand_score(groups, left.groups),
                    }
                )
    return rows


def main(first: int, n: int, n_power: int, data: Path) -> None:
    """Measure on one thread and publish."""
    if n:
        frame = pd.DataFrame(null_rows(first, n, data))
        table = frame.pivot_table(index="null", columns="rule", values="one")
        once = frame[frame["rule"] == frame["rule"].iloc[0]].groupby("null")["p"]
        table.insert(0, "n", once.size())
        table["rejected at 5 %"] = once.agg(lambda p: (p < 0.05).mean())
        table["mean p"] = once.mean()
        write_summary("reality_nulls", table.reset_index())
    if n_power:
        power = pd.DataFrame(power_rows(n_power)).groupby(["effect (log fold)", "cells"]).mean()
        write_summary("reality_power", power.reset_index())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="seed of the first draw")
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--power-draws", type=int, default=20)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()
    log_to(RESULTS / "reality_nulls.log")
    with threadpool_limits(1):
        main(arguments.first, arguments.draws, arguments.power_draws, arguments.data)
