"""A synthetic study's files, as preprocessing and training leave them: Gaussian groups, two
replicas ok, one diverged.
"""

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import cluster
import score
from latentbench.evaluation.dataset_scores import VariantFiles
from latentbench.files.artefacts import write_h5ad, write_json, write_table
from latentbench.files.prepared import PreparedFile

N_GROUPS = 4


def groups(n_obs=240, n_latent=6, separation=6.0, seed=0):
    """Return codes (n_obs, n_latent) and labels of ``N_GROUPS`` Gaussian groups."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, N_GROUPS, n_obs)
    centres = separation * np.eye(N_GROUPS, n_latent)
    return (centres[labels] + rng.normal(size=(n_obs, n_latent))).astype(np.float32), labels


def write_prepared(path, labels, *, n_clusters=N_GROUPS, seed=1):
    """Write a prepared.h5ad; ``labels`` is a list of names (NaN: unlabelled) or None."""
    rng = np.random.default_rng(seed)
    n_obs = 240 if labels is None else len(labels)
    adata = AnnData(X=rng.random((n_obs, 5), dtype=np.float32))
    adata.obs_names = [f"cell{i}" for i in range(n_obs)]
    adata.obs["split"] = pd.Categorical(np.where(np.arange(n_obs) % 5 == 0, "test", "train"))
    if labels is not None:
        adata.obs["label"] = pd.Categorical(labels)
    adata.var["highly_variable"] = True
    adata.obsm["X_pca"] = rng.random((n_obs, 3), dtype=np.float32)
    adata.uns["latentbench"] = {
        "dataset": "groups",
        "modality": "real",
        **({} if n_clusters is None else {"n_clusters": n_clusters}),
    }
    write_h5ad(adata, path)


def write_training(
    folder, replicas, prepared_obs, *, model="vae", kind="vae", saw_labels=False, losses=None
):
    """Write embedding.h5ad, status.json and history.parquet; ``replicas`` maps seed -> (z,
    cluster_probs or None) or a failure (status, reason).
    """
    clusters = any(isinstance(r[0], np.ndarray) and r[1] is not None for r in replicas.values())
    embedding = AnnData(obs=prepared_obs[["split"]].copy())
    embedding.uns["latentbench"] = {
        "dataset": "groups",
        "model": model,
        "kind": kind,
        "saw_labels": saw_labels,
        "clusters": clusters,
    }
    statuses = []
    for seed, (z, probs) in replicas.items():
        ok = isinstance(z, np.ndarray)
        statuses.append(
            {
                "seed": seed,
                "status": "ok" if ok else z,
                "reason": "" if ok else probs,
                "seconds": 1.5,
                "peak_memory_mb": 10.0,
                "epochs": 2,
            }
        )
        if ok:
            embedding.obsm[f"X_seed{seed}"] = z
            if probs is not None:
                embedding.obsm[f"cluster_probs_seed{seed}"] = probs
    status = {
        "dataset": "groups",
        "model": model,
        "kind": kind,
        "saw_labels": saw_labels,
        "device": "cpu",
        "versions": {"torch": "2"},
        "replicas": statuses,
    }
    history = [
        (seed, epoch, term, split, loss / (epoch + 1))
        for seed, loss in (losses or {}).items()
        for epoch in range(2)
        for term in ("loss", "kl_z")
        for split in ("train", "test")
    ]
    folder.mkdir(parents=True, exist_ok=True)
    write_h5ad(embedding, folder / "embedding.h5ad")
    write_json(status, folder / "status.json")
    write_table(
        pd.DataFrame(history, columns=["replica", "epoch", "term", "split", "value"]),
        folder / "history.parquet",
    )
    quality = [
        (status["seed"], split, "elbo", "", -9.0, "ok", "")
        for status in statuses
        if status["status"] == "ok"
        for split in ("train", "test")
    ]
    write_table(
        pd.DataFrame(
            quality, columns=["seed", "split", "measure", "part", "value", "status", "reason"]
        ),
        folder / "quality.tsv",
    )


def write_study_files(folder):
    """Write prepared.h5ad and two variants into a folder, and return it: ``vae`` (seeds 0, 1 ok, 2
    diverged) and ``gmvae``, which clusters.
    """
    z, labels = groups()
    write_prepared(folder / "prepared.h5ad", [f"type{i}" for i in labels])
    obs = anndata.read_h5ad(folder / "prepared.h5ad").obs
    other, _ = groups(seed=3)
    failed = ("diverged", "loss is not finite in epoch 1")
    write_training(
        folder / "vae",
        {0: (z, None), 1: (0.5 * z + 0.01 * other, None), 2: failed},
        obs,
        losses={0: 8.0, 1: 6.0, 2: 5.0},
    )
    probs = np.full((len(z), N_GROUPS), 0.1, dtype=np.float32)
    probs[np.arange(len(z)), labels] = 0.7
    write_training(
        folder / "gmvae",
        {0: (z, probs), 1: (z, probs)},
        obs,
        model="gmvae",
        kind="gmvae",
        losses={0: 4.0, 1: 6.0},
    )
    return folder


def evaluate(folder, model, *, scoring=None, **clustering):
    """Run the cluster and the score scripts' mains on one variant of a folder of ``study_files``;
    return the paths of its scores and clusters.
    """
    here = folder / model
    n_clusters = PreparedFile(folder / "prepared.h5ad").about.get("n_clusters")
    scores, clusters, criteria = (
        here / "scores.tsv",
        here / "clusters.parquet",
        here / "criteria.tsv",
    )
    cluster.main(
        here / "embedding.h5ad",
        here / "status.json",
        clusters,
        criteria,
        here / "members.parquet",
        n_clusters=n_clusters,
        clustering={"oracle": False, **clustering},
        is_member=False,
    )
    files = VariantFiles(
        here / "embedding.h5ad",
        here / "status.json",
        here / "history.parquet",
        here / "quality.tsv",
        clusters,
        criteria,
    )
    score.main(
        folder / "prepared.h5ad",
        [files],
        [],
        scores,
        here / "reliability.tsv",
        n_clusters=n_clusters,
        scoring=scoring or {},
    )
    return scores, clusters


@pytest.fixture
def study_files(tmp_path):
    """A folder of ``write_study_files``."""
    return write_study_files(tmp_path)


# Test files cannot import this one: the helpers reach them as fixtures.
@pytest.fixture(scope="session", name="groups")
def _groups():
    return groups


@pytest.fixture(scope="session", name="write_prepared")
def _write_prepared():
    return write_prepared


@pytest.fixture(scope="session", name="write_training")
def _write_training():
    return write_training


@pytest.fixture(scope="session", name="write_study_files")
def _write_study_files():
    return write_study_files


@pytest.fixture(scope="session", name="evaluate")
def _evaluate():
    return evaluate
