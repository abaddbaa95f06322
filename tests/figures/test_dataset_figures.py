from dataclasses import replace

import matplotlib.pyplot as plt
import pytest

from latentbench.figures.dataset_figures import confusion, usage


@pytest.fixture
def given(inputs_of):
    yield inputs_of("digits")
    plt.close("all")


def test_the_confusion_matrix_is_that_of_the_replica_that_the_rule_picked(given):
    made = given.tables.choices
    of_model = (made["model"] == "gmvae_dirichlet") & made["in_force"].astype(bool)
    assert of_model.sum() == 1
    picked = made.assign(picked=made["picked"].where(~of_model, "2"))
    given.tables = replace(given.tables, choices=picked)
    assert confusion(given).axes[0].get_title("left") == "gmvae_dirichlet, seed 2"


def test_sizes_of_clusters_leave_out_the_controls_made_of_labels(given):
    names = [label.get_text() for label in usage(given).axes[0].get_yticklabels()]
    assert "labels (truth)" in names
    assert "random_projection" in names
    assert "true_labels" not in names


def test_a_data_set_without_contestants_has_no_confusion_matrix(given):
    none_left = given.tables.summary.assign(mean=float("nan"))
    given.tables = replace(given.tables, summary=none_left)
    assert "no confusion matrix" in confusion(given).texts[0].get_text()
