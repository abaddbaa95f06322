from dataclasses import replace

import pandas as pd
import pytest

from latentbench.report.tables import (
    best_model,
    failures,
    headline,
    headline_clusterings,
    read_table,
)


def test_a_table_without_a_column_is_refused_by_name(tmp_path):
    path = tmp_path / "status.parquet"
    pd.DataFrame({"dataset": ["a"], "model": ["b"]}).to_parquet(path, index=False)
    with pytest.raises(ValueError, match=r"status\.parquet: no column kind"):
        read_table(path, "status")


def test_a_data_set_called_na_is_no_missing_value(tmp_path, tables):
    tables.status.assign(dataset="NA").to_parquet(tmp_path / "status.parquet", index=False)
    assert (read_table(tmp_path / "status.parquet", "status")["dataset"] == "NA").all()


def test_the_headline_is_own_clusters_where_a_model_makes_them_else_kmeans(tables):
    clusterings = headline_clusterings(tables.of_dataset("blobs"))
    assert clusterings["gmvae"] == "own"
    assert clusterings["pca"] == "kmeans"
    scores, summary = headline(tables.of_dataset("blobs"))
    assert set(scores["split"]) == set(summary["split"]) == {"test"}
    assert summary.groupby(["model", "metric"]).size().max() == 1


def test_the_best_model_is_a_contestant(tables):
    assert best_model(tables.of_dataset("blobs")) in ("gmvae", "gmvae_dirichlet")


def test_every_failure_is_told_once_with_its_reason(tables, made_up):
    found = failures(tables)
    dataset, model, seed = made_up.diverged
    assert found.to_dict("records") == [
        {
            "dataset": "blobs",
            "model": "vae_nb",
            "what": "training",
            "status": "not_applicable",
            "reason": made_up.not_counts,
            "seeds": "all",
        },
        {
            "dataset": dataset,
            "model": model,
            "what": "training",
            "status": "diverged",
            "reason": made_up.reason,
            "seeds": str(seed),
        },
        {
            "dataset": "digits",
            "model": "vae_nb",
            "what": "training",
            "status": "not_applicable",
            "reason": made_up.not_counts,
            "seeds": "all",
        },
    ]


def test_a_score_that_could_not_be_had_of_a_good_replica_is_a_failure_of_its_clustering(tables):
    scores = tables.scores.copy()
    lost = (
        (scores["dataset"] == "blobs")
        & (scores["model"] == "ae")
        & (scores["clustering"] == "kmeans")
    )
    scores.loc[lost, ["value", "status", "reason"]] = [float("nan"), "degenerate", "one cluster"]
    found = failures(replace(tables, scores=scores))
    row = found[found["model"] == "ae"].iloc[0]
    assert (row["what"], row["seeds"], row["reason"]) == ("kmeans", "0, 1, 2, 3, 4", "one cluster")
