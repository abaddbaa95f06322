import pandas as pd
import pytest

from latentbench.report.flags import flags, measures
from latentbench.report.sections.health import flags_of, health_table, sentence
from latentbench.report.tables import StudyTables

SOUND = {
    "not_ok": 0.0,
    "replicas": 5.0,
    "collapsed": 1.0,
    "n_latent": 10.0,
    "components_in_use": 10.0,
    "mutual_information": 2.0,
    "usage_entropy": 2.2,
}
SOUND |= {"confidence": 0.9, "agreement": 0.8, "fewest_clusters": 9.0, "ece": 0.9}


def test_a_sound_model_has_no_flag_whatever_its_calibration_against_labels():
    assert flags(SOUND, 10) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"not_ok": 2.0}, "2 of 5 replicas did not end well"),
        ({"collapsed": 6.0}, "6.0 of 10 latent dimensions are collapsed"),
        (
            {"components_in_use": 8.4},
            "8.4 components in use for 10 declared groups: some are empty",
        ),
        ({"mutual_information": 1.0}, "cells are shared among components, which may be duplicates"),
        ({"confidence": 0.3}, "unsure: mean confidence 0.30"),
        ({"agreement": 0.2}, "unstable: two seeds agree with a mean ARI of 0.20"),
        ({"fewest_clusters": 1.0}, "a seed puts all cells into one cluster"),
    ],
)
def test_each_fault_is_flagged_in_words_and_alone(change, words):
    assert flags(SOUND | change, 10) == [words]


def test_without_a_declared_number_no_component_is_called_empty():
    assert flags(SOUND | {"components_in_use": 2.0}, None) == []


def test_a_model_without_components_or_prior_is_not_flagged_for_their_want():
    assert flags({"not_ok": 0.0, "replicas": 5.0}, 10) == []


def test_the_measures_are_means_over_seeds_on_test_cells(tables):
    found = measures(tables.of_dataset("digits"), "vae")
    quality = tables.quality
    of_model = quality[
        (quality["dataset"] == "digits")
        & (quality["model"] == "vae")
        & (quality["measure"] == "kl_per_dimension")
    ]
    assert found["n_latent"] == 10
    assert found["collapsed"] == (of_model["value"] < 0.01).sum() / of_model["seed"].nunique() > 0
    assert found["active_units"] == 6.0


def test_a_replica_that_diverged_is_counted_and_flagged(tables, made_up):
    dataset, model, _ = made_up.diverged
    assert "1 of 5 replicas did not end well" in flags_of(tables.of_dataset(dataset), 10)[model]


def test_agreement_and_components_come_from_the_scores(tables):
    of_blobs = tables.of_dataset("blobs")
    keys = {
        "dataset": "blobs",
        "model": "gmvae",
        "seed": 0.0,
        "split": "test",
        "clustering": "own",
        "status": "ok",
        "reason": "",
        "headline": True,
    }
    new = [
        {**keys, "saw_labels": False, "metric": metric, "value": value}
        for metric, value in (("components_in_use", 3.0), ("agreement_of_seeds", 0.25))
    ]
    scores = pd.concat([of_blobs.scores, pd.DataFrame(new)], ignore_index=True)
    changed = StudyTables(**{**vars(of_blobs), "scores": scores})
    flagged = flags_of(changed, 5)
    shown = health_table(changed, flagged)
    row = next(row for row in shown.rows if row[0].text == "gmvae")
    assert row[shown.columns.index("Components in use")].text == "3.0"
    assert row[shown.columns.index("Agreement of seeds")].text == "0.25"
    assert len(flagged["gmvae"]) == 2


def test_controls_are_not_judged(tables):
    models = set(flags_of(tables.of_dataset("blobs"), 5))
    assert "vae" in models
    assert not {"true_labels", "shuffled_labels", "random_projection"} & models


def test_the_sentence_counts_the_flagged_models_of_each_data_set():
    assert (
        sentence({"blobs": {"vae": []}, "digits": {"vae": ["x"], "pca": []}})
        == "Flagged: 0 of 1 models on blobs, 1 of 2 models on digits."
    )
    assert sentence({"blobs": {"vae": []}}) == "Nothing is flagged."
