"""Merging the components of mixture models without labels: several rules, seed by seed, against the
components as they are and the labels.

Reads the probabilities of components that studies have already trained. Labels are used for this
comparison alone: no rule sees one. Beside the overlaps of ``latentbench.maths.merging`` the
pair whose merger lowers the entropy most (Baudry 2010, doi:10.1198/jcgs.2010.08111), with f(t) = t
log t,

    sum_i f(tau_ik + tau_il) - f(tau_ik) - f(tau_il)
        (1)

down to the elbow: two straight lines with the least squared error through the entropy against the
cumulated number of cells merged.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from anndata.io import read_elem
from driver import RESULTS
from publishing import write_summary
from scipy.special import xlogy
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from latentbench.evaluation.bootstrap import interval, mean_of_means
from latentbench.evaluation.trained import read_trained
from latentbench.files.artefacts import write_table
from latentbench.logs import log_to, logger
from latentbench.maths.merging import merged_components, sums_over_groups

MIXTURES = ("gmvae", "gmvae_dilokthanakul", "gmvae_dirichlet", "gmvae_conditional", "vade", "n2d")
COLUMNS = (
    "study",
    "dataset",
    "model",
    "seed",
    "n_components",
    "n_classes",
    "rule",
    "n_clusters",
    "ari",
    "nmi",
    "ari_gain",
    "nmi_gain",
)


def entropy_path(probs: np.ndarray) -> list[tuple[np.ndarray, float, float]]:
    """Return the groups of components, the entropy and the cells merged so far, after every merger
    by (1), of none first.
    """
    groups, merged = np.arange(probs.shape[1]), 0.0
    path = [(groups, -xlogy(probs, probs).sum(), merged)]
    while probs.shape[1] > 1:
        terms = xlogy(probs, probs).sum(0)
        pairs = [(one, other) for other in range(probs.shape[1]) for one in range(other)]
        gains = [
            xlogy(both := probs[:, one] + probs[:, other], both).sum() - terms[one] - terms[other]
            for one, other in pairs
        ]
        kept, gone = pairs[int(np.argmax(gains))]
        merged += probs[:, [kept, gone]].sum()
        probs = np.delete(
            np.where(np.arange(probs.shape[1]) == kept, probs + probs[:, [gone]], probs),
            gone,
            axis=1,
        )
        groups = np.where(groups == gone, kept, groups)
        groups = groups - (groups > gone)
        path.append((groups, -xlogy(probs, probs).sum(), merged))
    return path


def entropy_elbow(probs: np.ndarray) -> np.ndarray:
    """Return the groups of components at the elbow of the entropy; with fewer than four components
    they stay as they are.
    """
    path = entropy_path(probs)
    cells, entropy = (
        np.array([merged for *_, merged in path]),
        np.array([each for _, each, _ in path]),
    )
    if len(path) < 4:
        return path[0][0]
    errors = [
        _error_of_line(cells[: place + 1], entropy[: place + 1])
        + _error_of_line(cells[place:], entropy[place:])
        for place in range(1, len(path) - 1)
    ]
    return path[1 + int(np.argmin(errors))][0]


def _error_of_line(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.square(y - np.polyval(np.polyfit(x, y, 1), x)).sum())


RULES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda probs: np.arange(probs.shape[1]),
    **{
        f"overlap {above:g}": partial(merged_components, above=above)
        for above in (0.025, 0.05, 0.1, 0.15, 0.2, 0.3)
    },
    "entropy, elbow": entropy_elbow,
}


def rows_of_variant(study: Path, dataset: str, model: str, labels: pd.Series) -> list[tuple]:
    """Return a row a seed and rule: scores on the labelled test cells, and what is gained over the
    components as they are.
    """
    folder, rows = study / f"models/{dataset}/{model}", []
    trained = read_trained(folder / "embedding.h5ad", folder / "status.json")
    tested = ~trained.is_train & labels.notna().to_numpy()
    truth = pd.factorize(labels[tested])[0]
    for seed in (seed for seed, problem in trained.problems.items() if problem is None):
        probs, scores = trained.cluster_probs(seed).astype(np.float64), {}
        for rule, merge in RULES.items():
            clusters = sums_over_groups(probs, merge(probs[trained.is_train])).argmax(1)
            agreement = [
                score(truth, clusters[tested])
                for score in (adjusted_rand_score, normalized_mutual_info_score)
            ]
            scores[rule] = (len(np.unique(clusters[trained.is_train])), *agreement)
        for rule, (n_clusters, *values) in scores.items():
            gains = [
                value - before for value, before in zip(values, scores["none"][1:], strict=True)
            ]
            rows.append(
                (
                    study.parent.name,
                    dataset,
                    model,
                    seed,
                    probs.shape[1],
                    len(np.unique(truth)),
                    rule,
                    n_clusters,
                    *values,
                    *gains,
                )
            )
    return rows


def mixtures_of(study: Path) -> list[tuple[str, str]]:
    """Return the (data set, model) of a study that are mixtures and saw no label."""
    status = pd.read_parquet(study / "tables/status.parquet").query(
        "kind in @MIXTURES and not saw_labels"
    )
    return sorted(set(zip(status["dataset"], status["model"], strict=True)))


def summary_of(frame: pd.DataFrame, which: str) -> pd.DataFrame:
    """Return for every rule the mean gains over data sets, their hierarchical bootstrap intervals,
    and how many replicas gained and lost.
    """
    rows = []
    for rule, of_rule in frame[frame["rule"] != "none"].groupby("rule", sort=False):
        row = {
            "variants": which,
            "rule": rule,
            "n_datasets": of_rule["dataset"].nunique(),
            "n_replicas": len(of_rule),
        }
        for gain in ("ari_gain", "nmi_gain"):
            seeds = [
                of_dataset.groupby("seed")[gain].mean().to_numpy(np.float64)
                for _, of_dataset in of_rule.groupby("dataset")
            ]
            low, high = interval(seeds, 2000)
            row |= {gain: mean_of_means(seeds), f"{gain}_low": low, f"{gain}_high": high}
        rows.append(
            row
            | {
                "better": int((of_rule["ari_gain"] > 1e-9).sum()),
                "worse": int((of_rule["ari_gain"] < -1e-9).sum()),
            }
        )
    return pd.DataFrame(rows)


def main(studies: Sequence[Path]) -> None:
    """Score every rule on every mixture of the studies, a data set from the first study that has
    it, and publish.
    """
    rows, seen = [], {}
    for study in studies:
        for dataset, model in mixtures_of(study):
            if seen.setdefault(dataset, study) == study:
                with h5py.File(study / f"data/{dataset}/prepared.h5ad") as file:
                    labels = read_elem(file["obs"])["label"]
                rows += rows_of_variant(study, dataset, model, labels)
                logger.info("%s %s", dataset, model)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    means = (
        frame.groupby(["dataset", "model", "n_components", "n_classes", "rule"], sort=False)[
            ["n_clusters", "ari", "nmi"]
        ]
        .mean()
        .round(3)
        .reset_index()
    )
    more = frame["n_components"] > frame["n_classes"]
    write_table(frame, RESULTS / "merging_seeds.tsv")
    write_table(means, RESULTS / "merging_means.tsv")
    write_summary(
        "merging",
        pd.concat(
            [
                summary_of(frame[more], "more components than classes"),
                summary_of(frame[~more], "others"),
            ]
        ).round(3),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--results",
        type=Path,
        nargs="+",
        default=[Path("results")],
        help="results folders of studies with labelled data (default: results)",
    )
    arguments = parser.parse_args()
    log_to(RESULTS / "merging.log")
    main(arguments.results)
