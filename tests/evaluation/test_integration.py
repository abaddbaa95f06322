"""Batch mixing and conservation of cell types: what mixes scores high, what cannot be had is typed;
skipped where scib-metrics is not installed.
"""

import numpy as np
import pandas as pd
import pytest

from latentbench.evaluation import integration
from latentbench.evaluation.integration import METRICS, integration_scores, require_scib_metrics
from latentbench.evaluation.trained import TrainedVariant
from latentbench.files.prepared import PreparedCells
from latentbench.files.tables import SCORES


def variant(z, *, failed=()):
    cells = pd.Index([f"cell{i}" for i in range(len(z))])
    replicas = [
        {"seed": 0, "status": "ok", "reason": ""},
        *({"seed": seed, "status": "oom", "reason": "no memory"} for seed in failed),
    ]
    status = {
        "dataset": "d",
        "model": "vae",
        "kind": "vae",
        "saw_labels": False,
        "replicas": replicas,
    }
    return TrainedVariant(
        cells, np.arange(len(z)) % 4 != 0, {"X_seed0": z}, status, clusters_by_itself=False
    )


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    types, batches = rng.integers(0, 3, 600), rng.integers(0, 2, 600)
    z = 8 * np.eye(3, 5)[types] + rng.normal(size=(600, 5))
    obs = pd.DataFrame(
        {
            "label": pd.Categorical([f"type{i}" for i in types]),
            "batch": pd.Categorical([f"run{i}" for i in batches]),
        }
    )
    return z.astype(np.float32), obs, batches


def values(scores, split="train"):
    return scores[(scores["split"] == split) & (scores["seed"] == 0)].set_index("metric")["value"]


def test_batches_apart_score_lower_than_mixed_ones_and_types_stay_apart(cells):
    pytest.importorskip("scib_metrics")
    z, obs, batches = cells
    apart = (z + 6 * np.eye(5)[4] * batches[:, None]).astype(np.float32)
    mixed, split = (
        values(
            integration_scores(
                variant(codes), PreparedCells("prepared.h5ad", obs), apart, n_clusters=3
            )
        )
        for codes in (z, apart)
    )
    for name in ("ilisi", "kbet", "bras", "pcr_comparison"):
        assert mixed[name] > split[name] + 0.1, name
    assert mixed["clisi"] > 0.95
    assert mixed["graph_connectivity"] == pytest.approx(1.0)


def test_every_metric_has_a_row_a_seed_and_split_and_gaps_say_why(cells):
    pytest.importorskip("scib_metrics")
    z, obs, _ = cells
    scores = integration_scores(
        variant(z, failed=(1,)),
        PreparedCells("prepared.h5ad", obs.drop(columns="label")),
        z,
        n_clusters=None,
    )
    assert list(scores.columns) == SCORES.columns
    assert len(scores) == 2 * 2 * len(METRICS)
    assert set(scores.loc[scores["seed"] == 1, "status"]) == {"oom"}
    of_labels = scores[
        (scores["seed"] == 0)
        & scores["metric"].isin([name for name, metric in METRICS.items() if metric.of_labels])
    ]
    assert set(of_labels["status"]) == {"not_applicable"}
    assert set(scores.loc[(scores["seed"] == 0) & (scores["metric"] == "ilisi"), "status"]) == {
        "ok"
    }


def test_a_single_batch_and_too_few_cells_are_typed_without_scib_metrics(cells):
    z, obs, _ = cells
    one = integration_scores(
        variant(z),
        PreparedCells("prepared.h5ad", obs.assign(batch="run0").drop(columns="label")),
        z,
        n_clusters=3,
    )
    assert set(one["reason"]) == {"fewer than two batches", "fewer than two cell types"}
    few = integration_scores(
        variant(z[:12]), PreparedCells("prepared.h5ad", obs[:12]), z[:12], n_clusters=3
    )
    assert few.loc[few["split"] == "test", "value"].isna().all()


def test_an_error_inside_scib_metrics_is_a_typed_gap(cells, monkeypatch):
    def fails(_):
        raise IndexError("one cell of a type")

    z, obs, _ = cells
    monkeypatch.setattr(
        integration, "METRICS", {"kbet": integration.Metric(fails, of_batches=True, of_labels=True)}
    )
    scores = integration_scores(variant(z), PreparedCells("prepared.h5ad", obs), z, n_clusters=3)
    assert set(scores["status"]) == {"failed"}
    assert set(scores["reason"]) == {"scib-metrics: IndexError: one cell of a type"}


def test_without_scib_metrics_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "scib_metrics", None)
    with pytest.raises(ValueError, match="--sdm conda"):
        require_scib_metrics()
