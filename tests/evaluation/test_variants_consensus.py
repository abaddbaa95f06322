"""What the variants of a data set agree on: seed by seed, and all together."""

import anndata
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from latentbench.evaluation.criteria import mean_agreement
from latentbench.evaluation.variants_consensus import cluster_together, consensus_status
from latentbench.files.clusters import clusters_of
from latentbench.files.tables import SCORES


@pytest.fixture
def together(study_files, evaluate):
    paths = {model: evaluate(study_files, model) for model in ("vae", "gmvae")}
    clusters = {model: pd.read_parquet(path) for model, (_, path) in paths.items()}
    criteria = {model: SCORES.read(study_files / model / "criteria.tsv") for model in paths}
    return clusters, criteria


def test_a_seed_has_a_consensus_where_two_variants_have_clusters(study_files, together):
    clusters, criteria = cluster_together(
        *together, dataset="groups", seeds=[0, 1, 2], n_clusters=4
    )
    truth = anndata.read_h5ad(study_files / "prepared.h5ad").obs["label"]
    assert adjusted_rand_score(truth, clusters_of(clusters, 0, "own")) > 0.95
    assert adjusted_rand_score(truth, clusters_of(clusters, None, "consensus")) > 0.95
    # gmvae has no seed 2, and vae's diverged.
    assert clusters_of(clusters, 2, "own") is None
    counts = criteria.query(
        "model == 'consensus' and metric == 'n_clusters_found' and split == 'test' and clustering"
        " == 'own'"
    ).set_index("seed")
    assert counts["status"].to_dict() == {0: "ok", 1: "ok", 2: "not_applicable"}
    status = consensus_status(criteria, dataset="groups", seconds=3.0)
    assert [replica["status"] for replica in status["replicas"]] == ["ok", "ok", "not_applicable"]


def test_the_agreement_of_models_is_the_mean_ari_with_the_other_variants(together):
    frames, _ = together
    _, criteria = cluster_together(*together, dataset="groups", seeds=[0, 1], n_clusters=4)
    train = (frames["vae"]["split"] == "train").to_numpy()
    for seed in (0, 1):
        expected = adjusted_rand_score(
            clusters_of(frames["vae"], seed, "kmeans")[train],
            clusters_of(frames["gmvae"], seed, "own")[train],
        )
        rows = criteria[
            (criteria["metric"] == "agreement_of_models")
            & (criteria["seed"] == seed)
            & (criteria["split"] == "train")
        ]
        assert rows.set_index("model")["value"].to_dict() == pytest.approx(
            {"vae": expected, "gmvae": expected}
        )


def test_a_variant_without_clusters_weighs_nothing(together, study_files, evaluate, write_training):
    obs = anndata.read_h5ad(study_files / "prepared.h5ad").obs
    write_training(
        study_files / "lost",
        {0: ("oom", "out of memory"), 1: ("oom", "out of memory")},
        obs,
        model="lost",
    )
    _, path = evaluate(study_files, "lost")
    clusters, criteria = together
    alone, _ = cluster_together(clusters, criteria, dataset="groups", seeds=[0, 1], n_clusters=4)
    more, _ = cluster_together(
        {**clusters, "lost": pd.read_parquet(path)},
        {**criteria, "lost": SCORES.read(study_files / "lost" / "criteria.tsv")},
        dataset="groups",
        seeds=[0, 1],
        n_clusters=4,
    )
    assert np.array_equal(
        clusters_of(alone, None, "consensus"), clusters_of(more, None, "consensus")
    )


def test_agreeing_on_one_cluster_is_no_agreement():
    """Three collapsed seeds of five agree perfectly on nothing: they must not be picked."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 400)
    noisy = [np.where(rng.random(400) < 0.2, rng.integers(0, 4, 400), truth) for _ in range(2)]
    nothing, every = np.zeros(400, dtype=np.int64), np.ones(400, dtype=bool)
    members = [nothing, nothing, nothing, *noisy]
    agreement = [
        mean_agreement(
            each, [other for number, other in enumerate(members) if number != place], every
        )
        for place, each in enumerate(members)
    ]
    assert agreement[:3] == [0.0] * 3
    assert min(agreement[3:]) > 0.1
