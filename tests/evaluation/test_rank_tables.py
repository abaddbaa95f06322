"""The tables of ranks and tests of made-up scores."""

import numpy as np
import pandas as pd
import pytest

from latentbench.evaluation.rank_tables import (
    NOT_REJECTED,
    rank_table,
    rank_tests,
)
from latentbench.evaluation.statistics import answer
from latentbench.files.tables import RANKS, SCORES
from latentbench.files.tables import TESTS as TEST_ROWS

MODELS = {"good": 0.8, "fair": 0.7, "also_fair": 0.7, "poor": 0.4, "true_labels": 1.0}
KINDS = {name: name for name in (*MODELS, "cheat")}


def study(n_datasets, *, models=MODELS, n_seeds=5, seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        (
            f"data{dataset}",
            model,
            replica,
            "test",
            "kmeans",
            "ari",
            mean + rng.normal(scale=0.01),
            "ok",
            "",
            model in ("true_labels", "cheat"),
            True,
        )
        for dataset in range(n_datasets)
        for model, mean in {**models, "cheat": 0.95}.items()
        for replica in range(n_seeds)
    ]
    return pd.DataFrame(rows, columns=SCORES.columns).astype({"seed": "Int64"})


def test_the_ranks_are_those_of_the_answer_and_of_nobody_outside_the_contest():
    scores = study(8)
    table = rank_table(scores, KINDS, n_bootstrap=300)
    assert list(table.columns) == RANKS.columns
    expected = (
        answer(scores, KINDS, n_bootstrap=200)
        .query("in_contest")
        .set_index(["scope", "model"])["mean_rank"]
    )
    pd.testing.assert_series_equal(
        table.set_index(["scope", "model"])["mean_rank"].sort_index(), expected.sort_index()
    )
    assert (table["rank_low"] <= table["mean_rank"]).all()
    assert (table["mean_rank"] <= table["rank_high"]).all()


def test_who_is_told_apart_has_no_letter_in_common():
    letters = (
        rank_table(study(12), KINDS, n_bootstrap=200)
        .query("scope == 'all'")
        .set_index("model")["cliques"]
    )
    assert set(letters["fair"]) & set(letters["also_fair"])
    assert not set(letters["good"]) & set(letters["poor"])
    assert (
        rank_table(study(12), KINDS, n_bootstrap=200).query("scope != 'all'")["cliques"] == ""
    ).all()


def test_every_test_has_its_row():
    table = rank_tests(study(12), KINDS)
    assert list(table.columns) == TEST_ROWS.columns
    by_test = table.set_index("test")
    assert (by_test["status"] == "ok").all()
    assert by_test.loc["iman_davenport", "p_value"] < 0.001
    assert (by_test.loc["iman_davenport", "df"], by_test.loc["iman_davenport", "df_residual"]) == (
        3,
        33,
    )
    assert by_test.loc["nemenyi", "critical_difference"] == pytest.approx(
        2.569 * np.sqrt(20 / 72), abs=0.002
    )
    assert by_test["critical_difference"].notna().tolist() == [False, False, True]


def test_where_friedman_tells_nothing_apart_all_share_a_letter_and_the_table_says_so():
    equal = study(6, models=dict.fromkeys(("good", "fair", "poor"), 0.5), seed=2)
    tests = rank_tests(equal, KINDS).set_index("test")
    assert tests.loc["iman_davenport", "p_value"] > 0.05
    assert tests.loc["nemenyi", "reason"] == NOT_REJECTED
    assert set(rank_table(equal, KINDS, n_bootstrap=200).query("scope == 'all'")["cliques"]) == {
        "a"
    }


@pytest.mark.parametrize(
    ("n_datasets", "models"),
    [(1, MODELS), (5, {"good": 0.8, "poor": 0.4}), (3, {"true_labels": 1.0})],
)
def test_without_enough_to_compare_the_tests_say_why_and_the_ranks_carry_no_letter(
    n_datasets, models
):
    scores = study(n_datasets, models=models)
    tests = rank_tests(scores, KINDS)
    assert set(tests["status"]) == {"not_applicable"}
    assert tests["reason"].str.contains("at least 2 data sets and 3 contestants").all()
    assert tests[["statistic", "p_value", "critical_difference"]].isna().all(axis=None)
    table = rank_table(scores, KINDS, n_bootstrap=200)
    assert list(table.columns) == RANKS.columns
    assert (table["cliques"] == "").all()


def test_small_samples_are_said_to_be_small():
    note = rank_table(study(3), KINDS, n_bootstrap=200).query("scope == 'all'")["note"].iloc[0]
    assert "3 data sets: too few" in note
    assert "under 5 data sets the interval of a rank is too narrow" in note
    assert "too narrow" not in rank_table(study(5), KINDS, n_bootstrap=200)["note"].str.cat()
    assert (
        "under 5 seeds" in rank_table(study(1, n_seeds=3), KINDS, n_bootstrap=200)["note"].iloc[0]
    )
    assert "5 seeds" in note


def test_a_control_alone_is_no_contestant_over_all_data_sets():
    table = answer(study(2, models={"true_labels": 1.0}), KINDS, n_bootstrap=200)
    assert not table["in_contest"].any()
    assert table.query("scope == 'all' and model == 'true_labels'")["reason"].item() == "control"


def test_the_order_of_rows_does_not_matter():
    scores = study(4)
    shuffled = scores.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(
        rank_table(shuffled, KINDS, n_bootstrap=200), rank_table(scores, KINDS, n_bootstrap=200)
    )
    pd.testing.assert_frame_equal(rank_tests(shuffled, KINDS), rank_tests(scores, KINDS))


def test_circular_labels_are_in_no_test_over_data_sets():
    scores = study(6)
    fewer = scores[scores["dataset"] != "data5"]
    circular = {"circular": ["data5"]}
    pd.testing.assert_frame_equal(rank_tests(scores, KINDS, **circular), rank_tests(fewer, KINDS))
    over_all = [
        rank_table(rows, KINDS, n_bootstrap=200, **told)
        .query("scope == 'all'")
        .reset_index(drop=True)
        for rows, told in ((scores, circular), (fewer, {}))
    ]
    pd.testing.assert_frame_equal(*over_all)


def test_a_data_set_on_which_all_tie_ranks_nobody():
    scores = study(5)
    tied = study(6)[lambda rows: rows["dataset"] == "data5"].assign(value=1.0)
    both = pd.concat([scores, tied])
    pd.testing.assert_frame_equal(rank_tests(both, KINDS), rank_tests(scores, KINDS))
    ranks = [
        table.query("scope == 'all'").reset_index(drop=True)
        for table in (rank_table(each, KINDS, n_bootstrap=200) for each in (both, scores))
    ]
    pd.testing.assert_frame_equal(*ranks)
