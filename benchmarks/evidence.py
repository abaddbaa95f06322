"""What the answer without labels is worth on labelled data: its groups, their number, their
certainties and the model that it chooses, beside a member at random, the medoid, Leiden at
resolution 1 and at a declared number, and the spectral consensus.

Everything is found before any label is read. The codes are principal components of three
transformations and, with --codes FOLDER, those of the variants that a study has trained
(FOLDER/models/{dataset}/{model}). Data sets are halved by name (odd and even places of the
alphabet) before anything is measured: which rule merges groups (``reality_nulls.RULES``) and how
certainties are calibrated is decided on one half and reported on the other, and the halves are
swapped; the rule that is shipped stands beside. Of the rules, those are eligible that leave one
group on 95 of 100 nulls; among them the one of the highest mean ARI is taken (to two decimals, ties
by numbers within 1.5 of the labels').

What is measured of a data set or a null stays under results/benchmarks/evidence and is not
measured again. docs/evidence.md and the table that every report quotes are written with --publish.
"""

import argparse
import time
import warnings
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import scanpy as sc
from anndata import AnnData
from driver import HERE, RESULTS
from evidence_tables import publish_evidence
from reality_nulls import HELD_OUT, RULES, cut, real_nulls, simulated
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from spectral import spectral_consensus
from threadpoolctl import threadpool_limits

from latentbench.answer.answer import Answer, find_groups
from latentbench.answer.certainty import carries_majority, certainty_of
from latentbench.answer.cut import best_cut
from latentbench.answer.dataset_answer import HeldOutCounts, answer_of, held_out_counts
from latentbench.answer.members import Members, effective_number, members_of, pairwise_ari, together
from latentbench.answer.reality import merge_until_told_apart, separability, space_of
from latentbench.answer.variant_members import VariantMembers
from latentbench.evaluation.resolution import leiden_matching
from latentbench.evaluation.trained import TrainedVariant, read_trained
from latentbench.files.artefacts import write_table
from latentbench.logs import log_to, logger
from latentbench.maths.count_splitting import split_counts
from latentbench.neighbours import NeighbourGraph
from latentbench.outcomes import Unavailable

Codes = dict[tuple[str, int], np.ndarray]
MEASURED = RESULTS / "evidence"
COMPARED = ("pca_scaled", "vae_nb")
"""Codes whose Leiden clusterings are rules of their own: the common recipe, and what scVI does."""


def sets_of(mirror: Path, at_most: int) -> dict[str, AnnData]:
    """Return the data sets by name, in its order, of each at most so many cells."""
    digits = load_digits()
    found = {path.stem: ad.read_h5ad(path) for path in mirror.glob("*.h5ad")}
    found["digits"] = AnnData(
        digits.data.astype(np.float32), obs=pd.DataFrame({"label": digits.target.astype(str)})
    )
    for name, adata in found.items():
        if adata.n_obs > at_most:
            rng = np.random.default_rng(0)
            found[name] = adata[np.sort(rng.choice(adata.n_obs, at_most, replace=False))].copy()
    return dict(sorted(found.items()))


def components(values: np.ndarray, n: int = 20) -> np.ndarray:
    """Return the leading principal components."""
    return PCA(n, svd_solver="randomized", random_state=0).fit_transform(values)


def scaled(values: np.ndarray, least: float = 1e-6) -> np.ndarray:
    """Return the variables with mean 0 and variance 1, clipped at 10 deviations."""
    return np.clip((values - values.mean(0)) / np.maximum(values.std(0), least), -10, 10)


def codes_of_counts(seen: sparse.csr_matrix) -> Codes:
    """Return components of log values, of scaled log values and of Pearson residuals."""
    counts = AnnData(seen.astype(np.float32))
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


def trained_variants(folder: Path, dataset: str) -> list[TrainedVariant]:
    """Return the variants of a study that are networks and saw no label."""
    found = [
        read_trained(path, path.with_name("status.json"))
        for path in sorted(folder.glob(f"models/{dataset}/*/embedding.h5ad"))
    ]
    return [each for each in found if each.is_network and not each.saw_labels]


def codes_of_study(variants: list[TrainedVariant], cells: pd.Index) -> Codes:
    """Return the codes of every variant and seed that ended well."""
    return {
        (each.model, seed): each.codes(seed)[each.cells.get_indexer(cells)]
        for each in variants
        for seed, problem in each.problems.items()
        if problem is None
    }


def batch_of(name: str, adata: AnnData) -> np.ndarray | None:
    """Return the batch of every cell where the data sheet names one."""
    sheet = pd.read_csv(HERE.parent / "config" / "datasets.tsv", sep="\t", index_col="dataset")
    known = name in sheet.index and isinstance(sheet.loc[name, "batch"], str)
    return pd.factorize(adata.obs["batch"])[0] if known else None


def measure(name: str, adata: AnnData, folder: Path | None, half: int) -> None:
    """Write what every rule finds in a data set (scores), what its cells and models are worth."""
    started = time.perf_counter()
    variants = [] if folder is None else trained_variants(folder, name)
    prepared = None if folder is None else folder / f"data/{name}/prepared.h5ad"
    for each in variants:
        adata = adata[adata.obs_names.isin(each.cells)].copy()
    labels = pd.factorize(adata.obs.pop("label").astype(str))[0]
    n_classes = int(labels.max()) + 1
    about = {"dataset": name, "half": half, "n_classes": n_classes}
    is_counts = name != "digits"
    counts = held_out_of(adata, prepared) if is_counts else None
    codes = codes_of_counts(counts.parts.seen) if is_counts else codes_of_images(adata)
    codes |= codes_of_study(variants, adata.obs_names)
    batch = batch_of(name, adata)
    parts = [members_of(z, variant=v, seed=s, batch=batch) for (v, s), z in codes.items()]
    members = together(parts)
    answered = answer_of(
        [VariantMembers(parts)], counts=counts, batch=batch, codes=codes, calibration=None
    )
    answer = answered.answer
    declared = find_groups(members, n_clusters=n_classes, n_resamples=1)
    assert isinstance(answer, Answer)
    assert isinstance(declared, Answer)
    proposed = best_cut(answer.tree, members, null=answered.null)
    groups = proposed.group_of_leaf[answer.tree.leaf]
    found = rivals(members, codes, n_classes)
    found["answer, number given"] = [declared.groups]
    left = {f"answer: {rule}": each for rule, each in disposed(groups, counts, batch).items()}
    found |= {rule: [each] for rule, each in left.items()}
    scores = [
        {
            **about,
            "rule": rule,
            "ari": np.mean([adjusted_rand_score(labels, each) for each in every]),
            "n_groups": np.mean([len(np.unique(each)) for each in every]),
        }
        for rule, every in found.items()
    ]
    cells = {}
    for rule, each in left.items():
        if each.max() > 0:
            cells[f"certainty, {rule}"] = certainty_of(each, members).value
            cells[f"correct, {rule}"] = carries_majority(each, labels)
    write_table(pd.DataFrame(scores), MEASURED / f"scores_{name}.tsv")
    write_table(pd.DataFrame({**about, **cells}), MEASURED / f"cells_{name}.tsv")
    write_table(models(members, answer, labels).assign(**about), MEASURED / f"models_{name}.tsv")
    logger.info(
        "%s: %d groups %s, %d classes, null agreement %.3f, agreement %.3f, %.1f s",
        name,
        answer.n_found,
        answer.interval,
        n_classes,
        answered.null.overall.max(),
        proposed.agreement.overall.max(),
        time.perf_counter() - started,
    )


def held_out_of(adata: AnnData, prepared: Path | None = None) -> HeldOutCounts:
    """Return the counts as preprocessing divides them for models and for tests; as it has divided
    them where there is its file.
    """
    if prepared is not None:
        divided = ad.read_h5ad(prepared)[adata.obs_names]
        return held_out_counts(divided.layers["counts"], divided.layers["held_out"])
    counts = sparse.csr_matrix(adata.X).astype(np.int64)
    return HeldOutCounts(split_counts(counts, held_out=HELD_OUT), fresh=True)


def disposed(
    groups: np.ndarray, counts: HeldOutCounts | None, batch: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Return what is left of the groups by every rule; all of them where there are no counts."""
    if counts is None:
        return dict.fromkeys(RULES, groups)
    space = space_of(counts.parts, found_on="seen", seed=0)
    return {
        name: merge_until_told_apart(space, groups, batch=batch, rule=rule).groups
        for name, rule in RULES.items()
    }


def rivals(members: Members, codes: Codes, n_clusters: int) -> dict[str, list[np.ndarray]]:
    """Return the clusterings of every other rule; a rule's score is their mean."""
    everyone = np.ones(members.clusters.shape[1], dtype=bool)
    options = {"is_train": everyone, "seed": 0, "weights": members.weight.tolist()}
    each = list(members.clusters.astype(np.int64))
    found = {
        "a member at random": each,
        "medoid": [each[int((pairwise_ari(members.clusters) @ members.weight).argmax())]],
    }
    for number, suffix in ((None, ""), (n_clusters, ", number given")):
        spectral = spectral_consensus(each, n_clusters=number, **options)
        if not isinstance(spectral, Unavailable):
            found[f"spectral consensus{suffix}"] = [spectral]
    for variant in COMPARED:
        mine = [key for key in codes if key[0] == variant]
        if mine:
            found[f"Leiden at resolution 1 on {variant}"] = [
                member
                for member, of, clusterer in zip(
                    each, members.variant, members.clusterer, strict=True
                )
                if of == variant and clusterer == "leiden 1"
            ]
            found[f"Leiden on {variant}, number given"] = [
                leiden_matching(NeighbourGraph(codes[key], everyone).train, n_clusters, 0)
                for key in mine
            ]
    return found


def models(members: Members, answer: Answer, labels: np.ndarray) -> pd.DataFrame:
    """Return a row a variant: the mean ARI with the labels, over seeds, of the clustering of its
    code whose granularity is nearest the groups'; whether it was chosen, and its chance.
    """
    wanted = np.log(effective_number(answer.groups))
    frame = pd.DataFrame({"variant": members.variant, "seed": members.seed})
    frame["distance"] = np.abs(np.log(members.granularity) - wanted)
    nearest = frame.loc[frame.groupby(["variant", "seed"])["distance"].idxmin()]
    ari = [adjusted_rand_score(labels, members.clusters[member]) for member in nearest.index]
    table = nearest.assign(ari=ari).groupby("variant")["ari"].mean().reset_index()
    table["chosen"] = table["variant"] == answer.choice.variant
    table["chance"] = answer.choice.table["chance"].reindex(table["variant"]).to_numpy()
    return table


def measure_nulls(draw: int, mirror: Path) -> None:
    """Write, of every null of a draw, whether the whole answer, and each rule on what agreement
    alone proposes, says one group; and the p-value of its two halves.
    """
    lines, blood = (ad.read_h5ad(mirror / f"{name}.h5ad") for name in ("sc_mixology_3cl", "pbmc3k"))
    rng = np.random.default_rng([7, draw])
    nulls = list(real_nulls(lines, blood, rng))
    kinds = ("Poisson", "negative binomial", "correlated")
    nulls += [(f"simulated, {kind}", simulated(kind, rng), None) for kind in kinds]
    rows = []
    for name, counts, batch in nulls:
        divided = held_out_of(AnnData(counts))
        codes = codes_of_counts(divided.parts.seen)
        parts = [members_of(z, variant=v, seed=s, batch=batch) for (v, s), z in codes.items()]
        members = together(parts)
        answered = answer_of(
            [VariantMembers(parts)], counts=divided, batch=batch, codes=codes, calibration=None
        )
        tree = answered.answer.tree
        groups = best_cut(tree, members).group_of_leaf[tree.leaf]
        fresh = space_of(divided.parts, seed=draw)
        halves = separability(fresh, cut(fresh.seen, batch, 2, draw), batch=batch, seed=draw)
        row = {"null": name, "draw": draw, "p": halves.pairs["p"].iloc[0]}
        structured = best_cut(tree, members, null=answered.null).n_groups
        row |= {"structured": structured, "answer": answered.answer.n_found}
        left = disposed(groups, divided, batch)
        rows.append(row | {rule: len(np.unique(each)) for rule, each in left.items()})
        logger.info("%s", rows[-1])
    write_table(pd.DataFrame(rows), MEASURED / f"nulls_{draw}.tsv")


def main(mirror: Path, folder: Path | None, at_most: int, draws: int, publish: bool) -> None:
    """Measure what has not been measured, then publish the tables."""
    MEASURED.mkdir(parents=True, exist_ok=True)
    for place, (name, adata) in enumerate(sets_of(mirror, at_most).items()):
        if not (MEASURED / f"models_{name}.tsv").exists():
            measure(name, adata, folder, place % 2)
    for draw in range(draws):
        if not (MEASURED / f"nulls_{draw}.tsv").exists():
            measure_nulls(draw, mirror)
    publish_evidence(MEASURED, publish)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mirror", type=Path, required=True)
    parser.add_argument("--codes", type=Path)
    parser.add_argument("--cells", type=int, default=3000)
    parser.add_argument("--draws", type=int, default=15, help="of every null")
    parser.add_argument("--publish", action="store_true", help="write docs/evidence.md as well")
    arguments = parser.parse_args()
    log_to(RESULTS / "evidence.log")
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        main(
            arguments.mirror,
            arguments.codes,
            arguments.cells,
            arguments.draws,
            arguments.publish,
        )
