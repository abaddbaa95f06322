"""Spearman's correlation of a criterion with the ARI, against scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from latentbench.evaluation.criterion_agreement import (
    criterion_agreement,
    spearman,
)
from latentbench.files.tables import CORRELATIONS


def replicas(n_datasets=3, *, n_models=6, n_seeds=5, serves=1.0, seed=0):
    rng = np.random.default_rng(seed)
    rows = []
    for dataset in range(n_datasets):
        quality = rng.normal(size=n_models)
        for model in range(n_models):
            for replica in range(n_seeds):
                ari = quality[model] + rng.normal(scale=0.2)
                rows.append(
                    (
                        f"data{dataset}",
                        f"model{model}",
                        replica,
                        "stability",
                        serves * ari + rng.normal(scale=0.3),
                        ari,
                    )
                )
    return pd.DataFrame(rows, columns=["dataset", "model", "seed", "criterion", "value", "ari"])


def test_rho_is_scipys_on_every_data_set_and_their_mean_over_all():
    frame = replicas()
    frame["value"] = frame["value"].round(1)
    table = criterion_agreement(frame, n_bootstrap=300).set_index("scope")
    expected = {
        dataset: spearmanr(part["value"], part["ari"]).statistic
        for dataset, part in frame.groupby("dataset")
    }
    for dataset, rho in expected.items():
        assert table.loc[dataset, "rho"] == pytest.approx(rho)
    assert table.loc["all", "rho"] == pytest.approx(np.mean(list(expected.values())))
    assert (table["low"] < table["rho"]).all()
    assert (table["rho"] < table["high"]).all()
    assert (table["high"] <= 1).all()


def test_resamples_are_those_of_repeated_replicas():
    rng = np.random.default_rng(1)
    values, ari = rng.integers(5, size=12).astype(float), rng.normal(size=12)
    times = rng.multinomial(12, np.full(12, 1 / 12), size=20).astype(float)
    expected = [
        spearmanr(np.repeat(values, row.astype(int)), np.repeat(ari, row.astype(int))).statistic
        for row in times
    ]
    np.testing.assert_allclose(spearman(values, ari, times), expected)


def test_a_resample_without_spread_has_no_rho():
    assert np.isnan(spearman(np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([[2.0, 0.0]]))[0])


def test_a_criterion_that_is_to_be_low_has_a_rho_below_zero():
    table = criterion_agreement(replicas(serves=-1.0), n_bootstrap=200)
    assert (table["rho"] < -0.5).all()


def test_models_are_drawn_before_seeds_so_more_seeds_of_the_same_models_are_not_more_evidence():
    few, many = (
        criterion_agreement(replicas(1, n_seeds=n_seeds), n_bootstrap=1000).iloc[0]
        for n_seeds in (3, 30)
    )
    assert many["high"] - many["low"] > 0.5 * (few["high"] - few["low"])


def test_replicas_without_a_value_are_left_out_and_counted():
    frame = replicas(1)
    frame.loc[:3, "value"] = np.nan
    row = criterion_agreement(frame, n_bootstrap=200).iloc[0]
    assert (row["n_replicas"], row["n_left_out"]) == (26, 4)
    assert row["rho"] == pytest.approx(spearmanr(frame["value"][4:], frame["ari"][4:]).statistic)


def test_what_cannot_be_had_says_why_and_is_left_out_of_the_mean():
    frame = replicas(3)
    frame.loc[frame["dataset"] == "data0", "value"] = np.nan
    frame.loc[frame["dataset"] == "data1", "ari"] = 1.0
    table = criterion_agreement(frame, n_bootstrap=200).set_index("scope")
    assert list(table.reset_index().columns) == CORRELATIONS.columns
    assert table["status"].to_dict() == {
        "data0": "not_applicable",
        "data1": "degenerate",
        "data2": "ok",
        "all": "ok",
    }
    assert "0 of 30 replicas" in table.loc["data0", "reason"]
    assert "the ARI is 1 for every replica" in table.loc["data1", "reason"]
    assert table.loc["all", "rho"] == table.loc["data2", "rho"]
    assert table.loc["all", "n_datasets"] == 1
    assert "1 data set: too few" in table.loc["all", "note"]


def test_a_missing_column_and_a_replica_given_twice_are_refused_by_name():
    with pytest.raises(ValueError, match="no column ari"):
        criterion_agreement(replicas().drop(columns="ari"))
    with pytest.raises(ValueError, match="data0, model0, 0, stability is there twice"):
        criterion_agreement(pd.concat([replicas(), replicas()[:1]]))
