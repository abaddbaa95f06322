"""Choosing without labels: what is picked, that no label can change it, and what the choice was
worth.
"""

import numpy as np
import pandas as pd
import pytest

from latentbench.evaluation.selection import (
    BEST_ELSEWHERE,
    COMBINED,
    CRITERIA,
    choices,
    choose_replica,
    criterion_values,
    evidence,
)
from latentbench.files.tables import SCORES

KINDS = {
    "vae": "vae",
    "gmvae": "gmvae",
    "true_labels": "true_labels",
    "m2": "m2",
    "consensus": "consensus",
}
RULE = {"seed": "agreement_of_seeds", "model": "agreement_of_models"}


def study(ari, agreement, *, loss=None):
    """Scores from (dataset, model) -> values by seed."""
    rows = []
    for (dataset, model), values in ari.items():
        saw = model in ("true_labels", "m2")
        for seed, value in enumerate(values):
            rows.append((dataset, model, seed, "test", "kmeans", "ari", value, "ok", "", saw, True))
            for metric in ("agreement_of_seeds", "agreement_of_models"):
                rows.append(
                    (
                        dataset,
                        model,
                        seed,
                        "train",
                        "kmeans",
                        metric,
                        agreement[dataset, model][seed],
                        "ok",
                        "",
                        saw,
                        True,
                    )
                )
            if loss:
                rows.append(
                    (
                        dataset,
                        model,
                        seed,
                        "test",
                        "none",
                        "loss",
                        loss[dataset, model][seed],
                        "ok",
                        "",
                        saw,
                        False,
                    )
                )
    return pd.DataFrame(rows, columns=SCORES.columns).astype({"seed": "Int64"})


@pytest.fixture
def scores():
    ari = {
        ("d", "vae"): [0.2, 0.6, 0.4],
        ("d", "gmvae"): [0.9, 0.7, 0.5],
        ("d", "true_labels"): [1.0, 1.0, 1.0],
        ("d", "m2"): [0.99, 0.99, 0.99],
    }
    agreement = {
        ("d", "vae"): [0.1, 0.3, 0.2],
        ("d", "gmvae"): [0.5, 0.6, 0.4],
        ("d", "true_labels"): [1.0, 1.0, 1.0],
        ("d", "m2"): [1.0, 1.0, 1.0],
    }
    loss = {key: [3.0, 2.0, 1.0] for key in ari}
    return study(ari, agreement, loss=loss)


def test_the_highest_agreement_and_the_lowest_loss_are_picked(scores):
    chosen = {
        name: choose_replica(scores, KINDS, name, dataset="d", model="vae", ok_seeds=[0, 1, 2])
        for name in ("agreement_of_seeds", "held_out_loss")
    }
    assert chosen == {
        "agreement_of_seeds": (1, "agreement_of_seeds"),
        "held_out_loss": (2, "held_out_loss"),
    }


def test_without_a_value_the_first_good_seed_is_picked_and_said_so(scores):
    seed, by = choose_replica(scores, KINDS, "iw_bound", dataset="d", model="vae", ok_seeds=[2, 1])
    assert seed == 1
    assert "iw_bound has no value" in by


def test_who_saw_labels_and_controls_are_never_candidates(scores):
    assert set(criterion_values(scores, KINDS)["model"]) == {"vae", "gmvae"}
    made = choices(scores, KINDS, **RULE)
    assert set(made.loc[made["level"] == "model", "picked"]) == {"gmvae"}


def test_the_gain_is_over_a_random_choice_and_the_share_of_what_was_to_be_gained(scores):
    made = choices(scores, KINDS, **RULE).set_index(["level", "model", "criterion"])
    of_vae = made.loc[("seed", "vae", "agreement_of_seeds")]
    assert of_vae[["ari", "mean_ari", "best_ari"]].tolist() == pytest.approx([0.6, 0.4, 0.6])
    assert of_vae[["gain", "share"]].tolist() == pytest.approx([0.2, 100.0])
    by_loss = made.loc[("seed", "gmvae", "held_out_loss")]
    assert by_loss[["gain", "share"]].tolist() == pytest.approx([-0.2, -100.0])
    between = made.loc[("model", "", "agreement_of_models")]
    assert between[["ari", "mean_ari", "gain"]].tolist() == pytest.approx([0.7, 0.55, 0.15])
    assert made["in_force"].sum() == 3


def test_no_bound_is_compared_between_models(scores):
    made = choices(scores, KINDS, **RULE)
    between = made.loc[made["level"] == "model", "criterion"]
    assert "held_out_loss" not in set(between)
    assert not any(CRITERIA[name].between_models for name in ("held_out_loss", "iw_bound"))


def test_shuffled_scores_against_labels_change_no_choice(scores):
    told = choices(scores, KINDS, **RULE)
    at = scores["metric"] == "ari"
    shuffled = scores.copy()
    shuffled.loc[at, "value"] = np.random.default_rng(0).permutation(scores.loc[at, "value"])
    columns = ["dataset", "level", "model", "criterion", "picked", "value"]
    pd.testing.assert_frame_equal(choices(shuffled, KINDS, **RULE)[columns], told[columns])
    without = choices(scores[~at], KINDS, **RULE)
    pd.testing.assert_frame_equal(without[columns], told[columns])
    assert without["gain"].isna().all()


def test_the_evidence_weighs_data_sets_alike():
    rng = np.random.default_rng(2)
    ari = {(f"d{i}", model): list(rng.random(4)) for i in range(3) for model in ("vae", "gmvae")}
    perfect = choices(study(ari, ari), KINDS, **RULE)
    table = evidence(perfect, n_bootstrap=200).set_index(["level", "criterion"])
    row = table.loc[("seed", "agreement_of_seeds")]
    assert row["share"] == pytest.approx(100.0)
    assert row["ari"] - row["mean_ari"] == pytest.approx(row["gain"])
    assert row["ari"] == row["best_ari"]
    assert (row["n_datasets"], row["n_choices"], bool(row["in_force"])) == (3, 6, True)
    expected = np.mean(
        [
            np.mean([max(ari[f"d{i}", m]) - np.mean(ari[f"d{i}", m]) for m in ("vae", "gmvae")])
            for i in range(3)
        ]
    )
    assert row["gain"] == pytest.approx(expected)
    assert row["low"] <= row["gain"] <= row["high"]


def test_the_criterion_that_is_best_elsewhere_is_chosen_without_the_data_set_that_it_is_judged_on():
    rng = np.random.default_rng(4)
    ari = {(f"d{i}", model): list(rng.random(4)) for i in range(4) for model in ("vae", "gmvae")}
    # Agreement of the seeds is right on d0 to d2 and wrong on d3; the loss is right on d3 alone.
    agreement = {
        key: [-value for value in values] if key[0] == "d3" else values
        for key, values in ari.items()
    }
    loss = {
        key: [-value for value in values] if key[0] == "d3" else list(values)
        for key, values in ari.items()
    }
    scores = study(ari, agreement, loss=loss)
    made = choices(
        scores[scores["metric"] != "agreement_of_models"],
        KINDS,
        seed="agreement_of_seeds",
        model="agreement_of_seeds",
    )
    table = evidence(made, n_bootstrap=200)
    row = table[(table["level"] == "seed") & (table["criterion"] == BEST_ELSEWHERE)].iloc[0]
    of_seeds = made[(made["level"] == "seed") & (made["criterion"] == "agreement_of_seeds")]
    # On every data set, d3 too, agreement is the best of the others.
    assert row["gain"] == pytest.approx(of_seeds.groupby("dataset")["gain"].mean().mean())
    assert row["n_datasets"] == 4
    assert not row["in_force"]
    two = made[made["dataset"].isin(["d0", "d1"])]
    assert BEST_ELSEWHERE not in set(evidence(two, n_bootstrap=200)["criterion"])


def test_the_consensus_stands_beside_the_choices_with_its_gain_over_a_random_one(scores):
    agreed = [
        ("d", "vae", pd.NA, "test", "consensus", "ari", 0.7, "ok", "", False, False),
        ("d", "consensus", pd.NA, "test", "consensus", "ari", 0.8, "ok", "", False, False),
        ("d", "consensus", 0, "test", "own", "ari", 0.1, "ok", "", False, True),
    ]
    made = choices(
        pd.concat([scores, pd.DataFrame(agreed, columns=SCORES.columns).astype({"seed": "Int64"})]),
        KINDS,
        **RULE,
    )
    combined = made[made["criterion"] == COMBINED].set_index(["level", "model"])
    assert combined.loc[
        ("seed", "vae"), ["ari", "mean_ari", "gain", "share"]
    ].tolist() == pytest.approx([0.7, 0.4, 0.3, 150.0])
    assert combined.loc[("model", ""), ["ari", "mean_ari", "gain"]].tolist() == pytest.approx(
        [0.8, 0.55, 0.25]
    )
    assert not combined["in_force"].any()


def test_a_single_candidate_is_no_evidence():
    alone = {("d", "vae"): [0.5]}
    assert evidence(choices(study(alone, alone), KINDS, **RULE)).empty


@pytest.mark.parametrize("models", [[], ["true_labels"], ["m2"]])
def test_nobody_to_choose_from_is_a_table_without_rows(scores, models):
    made = choices(scores[scores["model"].isin(models)], KINDS, **RULE)
    assert made.empty
    assert made["in_force"].dtype == bool
    assert evidence(made).empty


def test_a_replica_without_a_value_of_the_criterion_is_a_candidate_all_the_same():
    ari = {("d", "vae"): [0.9, 0.0, 0.0, 0.0], ("d", "gmvae"): [0.6, 0.6, 0.6, 0.6]}
    scores = study(ari, ari)
    collapsed = (scores["model"] == "vae") & (scores["seed"] > 0) & (scores["metric"] != "ari")
    made = choices(scores[~collapsed], KINDS, **RULE).set_index(["level", "model", "criterion"])
    between = made.loc[("model", "", "agreement_of_models")]
    assert between[["ari", "mean_ari", "best_ari"]].tolist() == pytest.approx([0.225, 0.4125, 0.6])
    assert made.loc[("seed", "vae", "agreement_of_seeds")][
        ["ari", "mean_ari", "n_candidates"]
    ].tolist() == pytest.approx([0.9, 0.225, 4])


def test_gain_and_share_weigh_data_sets_alike_however_many_variants_they_have():
    rng = np.random.default_rng(7)
    ari = {("a", f"model{i}"): list(rng.random(4)) for i in range(9)} | {
        ("b", "vae"): list(rng.random(4))
    }
    noise = {key: list(rng.random(4)) for key in ari}
    table = evidence(
        choices(study(ari, noise), {**KINDS, **{f"model{i}": "vae" for i in range(9)}}, **RULE),
        n_bootstrap=200,
    )
    for row in table.itertuples():
        assert row.gain == pytest.approx(row.ari - row.mean_ari)
        assert row.share == pytest.approx(100 * row.gain / (row.best_ari - row.mean_ari))
