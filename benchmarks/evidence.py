"""What the answer without labels is worth: its groups, their number and their certainties on
labelled data sets, beside a member at random, the medoid, Leiden at resolution 1 and at a declared
number, and the spectral consensus.

Everything is found before any label is read. The codes are principal components of three
transformations and, with --codes FOLDER, those of the variants that a study has trained
(FOLDER/models/{dataset}/{model}). Certainties are calibrated on the half of the data sets that
does not report them, and the halves are swapped; what stands in latentbench.answer is the same in
both halves.
"""

import argparse
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import scanpy as sc
from anndata import AnnData
from driver import RESULTS
from publishing import write_summary
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from latentbench.answer.answer import Answer, find_groups
from latentbench.answer.certainty import calibrate, calibration_error, carries_majority
from latentbench.answer.members import Members, members_of, pairwise_ari, together
from latentbench.evaluation.bootstrap import interval
from latentbench.evaluation.consensus import consensus
from latentbench.evaluation.resolution import leiden_matching
from latentbench.evaluation.trained import read_trained
from latentbench.files.artefacts import write_table
from latentbench.logs import log_to, logger
from latentbench.neighbours import NeighbourGraph
from latentbench.outcomes import Unavailable

Codes = dict[tuple[str, int], np.ndarray]
FACTOR = 1.5
"""A number of groups is right within this factor of the labels'."""


def sets_of(mirror: Path, at_most: int) -> dict[str, AnnData]:
    """Return the data sets by name, of each at most so many cells."""
    digits = load_digits()
    found = {path.stem: ad.read_h5ad(path) for path in sorted(mirror.glob("*.h5ad"))}
    found["digits"] = AnnData(
        digits.data.astype(np.float32), obs=pd.DataFrame({"label": digits.target.astype(str)})
    )
    for name, adata in found.items():
        if adata.n_obs > at_most:
            rng = np.random.default_rng(0)
            found[name] = adata[np.sort(rng.choice(adata.n_obs, at_most, replace=False))].copy()
    return found


def components(values: np.ndarray, n: int = 20) -> np.ndarray:
    """Return the leading principal components."""
    return PCA(n, svd_solver="randomized", random_state=0).fit_transform(values)


def scaled(values: np.ndarray, least: float = 1e-6) -> np.ndarray:
    """Return the variables with mean 0 and variance 1, clipped at 10 deviations."""
    return np.clip((values - values.mean(0)) / np.maximum(values.std(0), least), -10, 10)


def codes_of_counts(adata: AnnData) -> Codes:
    """Return components of log values, of scaled log values and of Pearson residuals."""
    counts = AnnData(adata.X.astype(np.float32))
    sc.pp.filter_genes(counts, min_cells=3)
    logged = counts.copy()
    sc.pp.normalize_total(logged, target_sum=1e4)
    sc.pp.log1p(logged)
    if counts.n_vars > 2000:
        sc.pp.highly_variable_genes(logged, n_top_genes=2000)
        logged = logged[:, logged.var["highly_variable"]].copy()
        sc.experimental.pp.highly_variable_genes(
            counts, n_top_genes=2000, flavor="pearson_residuals"
        )
        counts = counts[:, counts.var["highly_variable"]].copy()
    sc.experimental.pp.normalize_pearson_residuals(counts)
    values = logged.X.toarray()
    return {
        ("pca_log", 0): components(values),
        ("pca_scaled", 0): components(scaled(values)),
        ("pca_pearson", 0): components(np.asarray(counts.X)),
    }


def codes_of_images(adata: AnnData) -> Codes:
    """Return components of the pixels, of scaled pixels and of their roots."""
    values = np.asarray(adata.X, dtype=np.float64)
    return {
        ("pca_raw", 0): components(values),
        ("pca_scaled", 0): components(scaled(values, 0.05 * values.std())),
        ("pca_root", 0): components(np.sqrt(values)),
    }


def trained_codes(folder: Path, dataset: str, cells: pd.Index) -> Codes:
    """Return the codes of all variants of a study that saw no label."""
    found: Codes = {}
    for path in sorted(folder.glob(f"models/{dataset}/*/embedding.h5ad")):
        trained = read_trained(path, path.with_name("status.json"))
        places = trained.cells.get_indexer(cells)
        if trained.saw_labels or not trained.is_network or (places < 0).any():
            logger.info("%s: left out", path)
            continue
        for seed in (seed for seed, problem in trained.problems.items() if problem is None):
            found[trained.model, seed] = trained.codes(seed)[places]
    return found


def clusterings(
    members: Members, codes: Codes, answers: Mapping[str, Answer], n_clusters: int
) -> dict[str, list[np.ndarray]]:
    """Return the clusterings of every rule; a rule's score is their mean."""
    everyone = np.ones(members.clusters.shape[1], dtype=bool)
    options = {"is_train": everyone, "seed": 0, "weights": members.weight.tolist()}
    each = list(members.clusters.astype(np.int64))
    graphs = [NeighbourGraph(z, everyone).train for z in codes.values()]
    spectral = {
        "spectral consensus": consensus(each, n_clusters=None, **options),
        "spectral consensus, number declared": consensus(each, n_clusters=n_clusters, **options),
    }
    return {
        "a member at random": each,
        "Leiden at resolution 1": [
            member
            for member, clusterer in zip(each, members.clusterer, strict=True)
            if clusterer == "leiden 1"
        ],
        "medoid": [each[int((pairwise_ari(members.clusters) @ members.weight).argmax())]],
        **{rule: [found] for rule, found in spectral.items() if not isinstance(found, Unavailable)},
        "answer": [answers["found"].groups],
        "Leiden, number declared": [leiden_matching(graph, n_clusters, 0) for graph in graphs],
        "answer, number declared": [answers["declared"].groups],
    }


def answers_of(adata: AnnData, codes: Codes, n_clusters: int) -> tuple[Members, dict[str, Answer]]:
    """Return the members and the answers, with and without the declared number."""
    batch = pd.factorize(adata.obs["batch"])[0] if "batch" in adata.obs else None
    members = together(
        [
            members_of(z, variant=variant, seed=seed, batch=batch)
            for (variant, seed), z in codes.items()
        ]
    )
    found = {
        "found": find_groups(members, calibration=None, n_resamples=20),
        "declared": find_groups(members, n_clusters=n_clusters, n_resamples=1),
    }
    assert not any(isinstance(answer, Unavailable) for answer in found.values())
    return members, found


def summary_of(scores: pd.DataFrame, certainties: pd.DataFrame) -> pd.DataFrame:
    """Return the mean ARI of every rule over data sets, its interval, and in how many sets the
    number of groups is within the factor.
    """
    rows = []
    for rule, of_rule in scores.groupby("rule", sort=False):
        low, high = interval([np.array([value]) for value in of_rule["ari"]], 2000)
        ratio = of_rule["n_groups"] / of_rule["n_classes"]
        within = ratio.between(1 / FACTOR, FACTOR).sum()
        rows.append(
            {
                "rule": rule,
                "sets": len(of_rule),
                "ari": of_rule["ari"].mean(),
                "low": low,
                "high": high,
                "first_half": of_rule.query("half == 0")["ari"].mean(),
                "second_half": of_rule.query("half == 1")["ari"].mean(),
                "number_within_factor": within,
            }
        )
    pooled = {
        f"calibration_error{name}": calibration_error(
            certainties[f"certainty{name}"].to_numpy(), certainties["correct"].to_numpy()
        )
        for name in ("", "_calibrated")
    }
    return pd.DataFrame(rows).assign(**pooled)


def swapped(certainties: pd.DataFrame) -> pd.Series:
    """Return the certainties of each half by the map that the other half gives."""
    found = pd.Series(0.0, index=certainties.index)
    for half in (0, 1):
        knots = learned(certainties[certainties["half"] != half])
        mine = certainties["half"] == half
        found[mine] = np.interp(
            certainties.loc[mine, "certainty"], knots["certainty"], knots["accuracy"]
        )
    return found


def learned(certainties: pd.DataFrame) -> pd.DataFrame:
    """Return the knots of the map of certainties that data sets give."""
    parts = [cells for _, cells in certainties.groupby("dataset")]
    fitted = calibrate(
        [cells["certainty"].to_numpy() for cells in parts],
        [cells["correct"].to_numpy() for cells in parts],
    )
    return pd.DataFrame({"certainty": fitted.certainty, "accuracy": fitted.accuracy})


def main(mirror: Path, folder: Path | None, at_most: int) -> None:
    """Find everything, then read the labels and publish the tables."""
    scores, cells = [], []
    for number, (name, adata) in enumerate(sets_of(mirror, at_most).items()):
        started = time.perf_counter()
        labels = pd.factorize(adata.obs.pop("label").astype(str))[0]
        codes = codes_of_images(adata) if name == "digits" else codes_of_counts(adata)
        if folder is not None:
            codes |= trained_codes(folder, name, adata.obs_names)
        n_classes = int(labels.max()) + 1
        members, answers = answers_of(adata, codes, n_classes)
        about = {"dataset": name, "half": number % 2, "n_classes": n_classes}
        for rule, found in clusterings(members, codes, answers, n_classes).items():
            ari = np.mean([adjusted_rand_score(labels, each) for each in found])
            n_groups = np.mean([len(np.unique(each)) for each in found])
            scores.append({**about, "rule": rule, "ari": ari, "n_groups": n_groups})
        answer = answers["found"]
        correct = carries_majority(answer.groups, labels)
        cells.append(pd.DataFrame({**about, "certainty": answer.certainty, "correct": correct}))
        logger.info(
            "%s: %d groups %s, %d classes, %.1f s",
            name,
            answer.n_found,
            answer.interval,
            n_classes,
            time.perf_counter() - started,
        )
    frame, certainties = pd.DataFrame(scores), pd.concat(cells, ignore_index=True)
    certainties["certainty_calibrated"] = swapped(certainties)
    write_table(frame, RESULTS / "evidence_scores.tsv")
    write_table(learned(certainties), RESULTS / "evidence_calibration.tsv")
    write_summary("evidence", summary_of(frame, certainties))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mirror", type=Path, required=True)
    parser.add_argument("--codes", type=Path)
    parser.add_argument("--cells", type=int, default=3000)
    arguments = parser.parse_args()
    log_to(RESULTS / "evidence.log")
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        main(arguments.mirror, arguments.codes, arguments.cells)
