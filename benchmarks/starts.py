"""Which clustering of codes is the best guide for a mixture model: several of them, seed by seed,
against the labels.

Reads what a study has trained. Labels are used for this comparison alone; no training sees it.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from anndata.io import read_elem
from driver import RESULTS
from publishing import write_summary
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import kneighbors_graph

from latentbench.files.artefacts import write_table
from latentbench.logs import log_to, logger
from latentbench.maths.mixtures import agreed_mixture_probs, fit_manifold, fit_mixture


def pulled_by_neighbours(
    z: np.ndarray, n_clusters: int, seed: int, *, n_neighbours: int = 15, rounds: int = 5
) -> np.ndarray:
    """Cluster by the probabilities that several mixtures agree on after every cell has taken the
    mean of its own and its neighbours', several times over.
    """
    probs = agreed_mixture_probs(z, n_clusters, seed=seed)
    graph = kneighbors_graph(z, n_neighbours, include_self=True) / n_neighbours
    for _ in range(rounds):
        probs = graph @ probs
    return probs.argmax(1)


CANDIDATES: dict[str, Callable[[np.ndarray, int, int], np.ndarray]] = {
    "k-means, best of 10": (
        lambda z, k, seed: KMeans(k, n_init=10, random_state=seed).fit_predict(z)
    ),
    "mixture, one start": (
        lambda z, k, seed: fit_mixture(z, k, seed=seed, n_init=1).predict(z.astype(np.float64))
    ),
    "mixture, likeliest of 8": (
        lambda z, k, seed: fit_mixture(z, k, seed=seed, n_init=8).predict(z.astype(np.float64))
    ),
    "mixtures, what 8 agree on": lambda z, k, seed: agreed_mixture_probs(z, k, seed=seed).argmax(1),
    "the same, pulled by neighbours": pulled_by_neighbours,
    "mixtures on the manifold": (
        lambda z, k, seed: agreed_mixture_probs(
            fit_manifold(z, k, seed=seed).embedding_, k, seed=seed
        ).argmax(1)
    ),
}


def main(results: Path, *, dataset: str, model: str, n_clusters: int, max_cells: int) -> None:
    """Score every candidate on the codes of every seed of a trained variant and publish."""
    with h5py.File(results / f"data/{dataset}/prepared.h5ad") as file:
        obs = read_elem(file["obs"])
    labelled = np.flatnonzero(
        (obs["split"] == "train").to_numpy() & obs["label"].notna().to_numpy()
    )
    cells = np.sort(np.random.default_rng(0).permutation(labelled)[:max_cells])
    rows = []
    with h5py.File(results / f"models/{dataset}/{model}/embedding.h5ad") as file:
        for name in sorted(file["obsm"]):
            if not name.startswith("X_seed"):
                continue
            seed, z = (
                int(name.removeprefix("X_seed")),
                np.asarray(read_elem(file["obsm"][name]))[cells],
            )
            for candidate, cluster in CANDIDATES.items():
                ari = adjusted_rand_score(obs["label"].iloc[cells], cluster(z, n_clusters, seed))
                rows.append((dataset, model, seed, candidate, ari))
                logger.info("%s  %s  seed %d  %s  ARI %.3f", *rows[-1])
    frame = pd.DataFrame(rows, columns=["dataset", "model", "seed", "clustering", "ari"])
    summary = (
        frame.groupby("clustering", sort=False)["ari"]
        .agg(["count", "mean", "std", "min"])
        .round(3)
        .reset_index()
    )
    write_table(frame, RESULTS / f"starts_{dataset}_seeds.tsv")
    write_summary(f"starts_{dataset}", summary)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        help="folder of a study (default: %(default)s)",
    )
    parser.add_argument(
        "--dataset", default="pbmc_facs", help="data set with labels (default: %(default)s)"
    )
    parser.add_argument(
        "--model", default="vae_nb", help="variant whose codes are clustered (default: %(default)s)"
    )
    parser.add_argument(
        "--n-clusters", type=int, default=10, help="number of clusters (default: %(default)s)"
    )
    parser.add_argument(
        "--max-cells",
        type=int,
        default=10_000,
        help="training cells that are clustered, at most (default: %(default)s)",
    )
    options = vars(parser.parse_args())
    log_to(RESULTS / "starts.log")
    main(options.pop("results"), **options)
