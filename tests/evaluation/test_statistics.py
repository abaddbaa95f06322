"""Summary and answer of made-up scores."""

import numpy as np
import pandas as pd
import pytest

from latentbench.evaluation.controls import check_controls
from latentbench.evaluation.statistics import answer, summarise
from latentbench.files.tables import SCORES

KINDS = {
    name: name
    for name in (
        "good",
        "close",
        "poor",
        "counts_only",
        "cheat",
        "true_labels",
        "shuffled_labels",
        "random_projection",
    )
}
CONTROLS = {"true_labels": 1.0, "shuffled_labels": 0.0, "random_projection": 0.1}


def rows(
    dataset,
    model,
    values,
    *,
    status="ok",
    saw=False,
    clustering="kmeans",
    metric="ari",
    split="test",
    headline=True,
    reason="",
):
    return [
        (
            dataset,
            model,
            seed,
            split,
            clustering,
            metric,
            value,
            "diverged" if np.isnan(value) else status,
            "not finite" if np.isnan(value) else reason,
            saw,
            headline,
        )
        for seed, value in enumerate(values)
    ]


def frame(*parts):
    scores = pd.DataFrame([row for part in parts for row in part], columns=SCORES.columns)
    return scores.astype({"seed": "Int64", "value": float})


@pytest.fixture
def scores():
    noise = np.random.default_rng(0).normal(scale=0.01, size=(8, 3, 5))
    parts = []
    for d, dataset in enumerate(("a", "b", "c")):
        for m, (model, mean) in enumerate(
            {"good": 0.8, "close": 0.799, "poor": 0.4, **CONTROLS}.items()
        ):
            exact = model in ("true_labels", "shuffled_labels")
            saw = exact
            parts.append(
                rows(
                    dataset,
                    model,
                    np.full(5, mean) if exact else mean + 0.02 * d + noise[m, d],
                    saw=saw,
                )
            )
            parts.append(rows(dataset, model, np.full(5, 0.01), saw=saw, metric="ari_null_sd"))
        parts.append(rows(dataset, "cheat", np.full(5, 0.95), saw=True))
    parts.append(rows("a", "counts_only", np.full(5, 0.9) + noise[7, 0]))
    parts.append(rows("a", "good", np.full(5, 0.99), clustering="leiden", headline=False))
    return frame(*parts)


def test_the_summary_has_mean_sd_and_counts_of_every_group(scores):
    scores.loc[(scores["model"] == "poor") & (scores["seed"] == 3), ["value", "status"]] = [
        np.nan,
        "diverged",
    ]
    summary = summarise(scores)
    assert not summary.duplicated(["dataset", "model", "clustering", "split", "metric"]).any()
    row = summary.query("dataset == 'b' and model == 'poor' and metric == 'ari'").iloc[0]
    values = scores.query(
        "dataset == 'b' and model == 'poor' and metric == 'ari' and status == 'ok'"
    )["value"]
    assert (row["n_ok"], row["n_failed"], row["outcomes"]) == (4, 1, "1 diverged, 4 ok")
    assert row["mean"] == pytest.approx(values.mean())
    assert row["sd"] == pytest.approx(values.std())
    assert values.min() <= row["low"] <= row["mean"] <= row["high"] <= values.max()
    assert "4 seeds" in row["note"]


def test_what_does_not_apply_is_no_failure():
    scores = frame(rows("a", "good", [0.5, 0.6]), rows("b", "good", [np.nan, np.nan]))
    scores.loc[scores["dataset"] == "b", "status"] = "not_applicable"
    row = summarise(scores).set_index("dataset").loc["b"]
    assert (row["n_ok"], row["n_failed"]) == (0, 0)
    assert np.isnan(row["mean"])


def test_the_answer_names_the_best_and_who_cannot_be_told_from_it(scores):
    table = answer(scores, KINDS)
    for dataset in ("b", "c"):
        here = table[table["scope"] == dataset].set_index("model")
        assert set(here.index[here["in_contest"]]) == {"good", "close", "poor"}
        assert here["best"].sum() == 1
        assert here["best"].idxmax() in ("good", "close")
        rival = "close" if here["best"].idxmax() == "good" else "good"
        assert not here.loc[rival, "distinguishable"]
        assert here.loc["poor", "distinguishable"]
        assert here.loc["poor", "p_holm"] >= here.loc["poor", "p_value"]


def test_controls_and_models_that_saw_labels_are_shown_outside_the_contest(scores):
    table = answer(scores, KINDS)
    outside = table[~table["in_contest"]].set_index(["scope", "model"])["reason"]
    for scope in ("a", "all"):
        assert outside[scope, "true_labels"] == outside[scope, "random_projection"] == "control"
        assert outside[scope, "cheat"] == "saw labels"
    assert not table.loc[table["model"].isin([*CONTROLS, "cheat"]), "best"].any()
    assert table.query("scope == 'a' and model == 'cheat'")["mean"].item() == pytest.approx(0.95)


def test_a_model_that_misses_a_data_set_wins_there_but_not_over_all(scores):
    table = answer(scores, KINDS)
    assert table.query("scope == 'a' and best")["model"].item() == "counts_only"
    overall = table[table["scope"] == "all"].set_index("model")
    assert overall.loc["counts_only", "reason"] == "no score to compare on b, c"
    assert overall["best"].idxmax() in ("good", "close")
    assert overall.loc["poor", "mean_rank"] == 3.0
    assert overall.loc["good", "n_datasets"] == 3
    assert "3 data sets: too few" in overall.loc["good", "note"]


def test_a_model_whose_replicas_mostly_failed_does_not_compete(scores):
    scores.loc[
        (scores["model"] == "good") & (scores["seed"] > 0) & scores["headline"],
        ["value", "status", "reason"],
    ] = [np.nan, "diverged", "not finite"]
    table = answer(scores, KINDS)
    row = table.query("scope == 'b' and model == 'good'").iloc[0]
    assert not row["in_contest"]
    assert row["reason"] == "1 of 5 replicas have a score: not finite"
    assert row["n_failed"] == 4


def test_the_answer_does_not_depend_on_the_order_of_rows_or_on_seed_pairing_gaps(scores):
    shuffled = scores.sample(frac=1, random_state=0).reset_index(drop=True)
    pd.testing.assert_frame_equal(answer(shuffled, KINDS), answer(scores, KINDS))
    pd.testing.assert_frame_equal(summarise(shuffled), summarise(scores))


def test_no_score_at_all_is_an_answer_without_a_best_model():
    scores = frame(rows("a", "good", [np.nan] * 3))
    table = answer(scores, KINDS)
    assert not table["best"].any()
    assert not table["in_contest"].any()


def test_a_single_contestant_is_best_with_nobody_to_compare():
    table = answer(frame(rows("a", "good", [0.5])), KINDS)
    assert table["best"].all()
    assert table["low"].isna().all()
    assert "1 seed: no interval and no test" in table.loc[0, "note"]


def test_controls_within_bounds_pass(scores):
    check_controls(scores, KINDS)


@pytest.mark.parametrize(
    ("model", "value", "message"),
    [
        (
            "true_labels",
            0.99,
            r"b, true_labels, seed 2, test cells: ARI of the true labels is 0\.9900",
        ),
        ("shuffled_labels", -0.07, "beyond 0.0600"),
    ],
)
def test_a_control_out_of_bounds_is_named(scores, model, value, message):
    at = (
        (scores["dataset"] == "b")
        & (scores["model"] == model)
        & (scores["seed"] == 2)
        & (scores["metric"] == "ari")
    )
    scores.loc[at, "value"] = value
    with pytest.raises(ValueError, match=message):
        check_controls(scores, KINDS)


def test_shuffled_labels_may_go_further_where_chance_does(scores):
    shuffled = scores["model"] == "shuffled_labels"
    scores.loc[shuffled & (scores["metric"] == "ari"), "value"] = 0.2
    with pytest.raises(ValueError, match=r"beyond 0\.1500"):
        check_controls(
            scores.assign(value=scores["value"].where(scores["metric"] != "ari_null_sd", 0.025)),
            KINDS,
        )
    check_controls(
        scores.assign(value=scores["value"].where(scores["metric"] != "ari_null_sd", 0.04)), KINDS
    )


def test_a_control_that_failed_is_broken_and_one_that_cannot_be_is_not(scores):
    at = scores["model"] == "true_labels"
    check_controls(scores.assign(status=scores["status"].where(~at, "degenerate")), KINDS)
    with pytest.raises(ValueError, match="true_labels, seed 0, test cells: oom"):
        check_controls(scores.assign(status=scores["status"].where(~at, "oom")), KINDS)


def test_circular_labels_do_not_count_over_all_data_sets_but_on_their_own(scores):
    every, table = answer(scores, KINDS), answer(scores, KINDS, circular=["c", "elsewhere"])
    without_c = answer(scores[scores["dataset"] != "c"], KINDS).query("scope == 'all'")
    pd.testing.assert_frame_equal(
        table.query("scope == 'all'").set_index("model")[["mean", "low", "high", "n_datasets"]],
        without_c.set_index("model")[["mean", "low", "high", "n_datasets"]],
        check_like=True,
    )
    of_each = [rows.query("scope != 'all'").reset_index(drop=True) for rows in (table, every)]
    pd.testing.assert_frame_equal(*of_each)


def test_where_all_labels_are_circular_they_count(scores):
    pd.testing.assert_frame_equal(
        answer(scores, KINDS, circular=["a", "b", "c"]), answer(scores, KINDS)
    )


def test_a_model_that_was_tuned_on_a_data_set_says_so_there_and_over_all(scores):
    tuned = {"good": ["b", "elsewhere", "a"]}
    summary = summarise(scores, tuned_on=tuned)
    here = summary[summary["tuned_here"]]
    assert set(zip(here["model"], here["dataset"], strict=True)) == {("good", "a"), ("good", "b")}
    told = answer(scores, KINDS, tuned_on=tuned).set_index(["model", "scope"])["tuned_on"]
    assert told["good", "all"] == "a, b"
    assert told["good", "b"] == "b"
    assert told["good", "c"] == ""
    assert set(told.drop("good", level="model")) == {""}


def test_on_one_data_set_the_error_over_cells_counts_however_many_seeds_there_are():
    many = np.random.default_rng(0).normal(scale=0.005, size=(2, 40))
    parts = [
        rows("a", name, mean + noise)
        for (name, mean), noise in zip({"good": 0.80, "close": 0.78}.items(), many, strict=True)
    ]
    errors = [rows("a", name, np.full(40, 0.03), metric="ari_se") for name in ("good", "close")]
    seeds, both = (
        answer(frame(*given), KINDS).query("scope == 'a'").set_index("model")
        for given in (parts, [*parts, *errors])
    )
    assert seeds.loc["close", "distinguishable"]
    assert not both.loc["close", "distinguishable"]
    assert both.loc["good", "high"] - both.loc["good", "mean"] == pytest.approx(0.0588, rel=0.05)
    assert both.loc["close", "difference_low"] < 0 < both.loc["close", "difference_high"]


def test_the_consensus_is_scored_but_does_not_compete_with_its_members(scores):
    of_all = rows("a", "consensus", np.full(5, 0.97))
    kinds = {**KINDS, "consensus": "consensus"}
    table = answer(pd.concat([scores, frame(of_all)]), kinds).set_index(["scope", "model"])
    assert not table.loc[("a", "consensus"), "in_contest"]
    assert table.loc[("a", "consensus"), "reason"] == "made of the others"
    assert table.loc[("a", "consensus"), "mean"] == pytest.approx(0.97)


def test_k_means_of_principal_components_counts_once_under_two_names(scores):
    kinds = {**KINDS, "pca": "pca", "kmeans_pca": "kmeans_pca"}
    of_pca = frame(*(rows(each, "pca", np.full(5, 0.5)) for each in "abc"))
    alone = frame(*(rows(each, "kmeans_pca", np.full(5, 0.6), clustering="own") for each in "abc"))
    both = answer(pd.concat([scores, of_pca, alone]), kinds).set_index(["scope", "model"])
    only = answer(pd.concat([scores, alone]), kinds).set_index(["scope", "model"])
    for scope in ("a", "all"):
        assert both.loc[(scope, "pca"), "in_contest"]
        assert not both.loc[(scope, "kmeans_pca"), "in_contest"]
        assert only.loc[(scope, "kmeans_pca"), "in_contest"]
