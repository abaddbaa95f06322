from dataclasses import replace
from itertools import permutations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from study_results import Given

from latentbench.figures.cluster_figures import (
    agreement,
    calibration,
    confusion,
    confusion_table,
    plot_reliability,
    responsibilities,
    shares_of_test_cells,
    usage,
)
from latentbench.figures.maps import match_clusters
from latentbench.files.embedding import write_embedding


@pytest.fixture
def given(inputs_of):
    yield inputs_of("digits")
    plt.close("all")


def titles(figure):
    return [ax.get_title("left") for ax in figure.axes if ax.axison]


def test_the_matching_covers_as_many_cells_as_the_best_of_all_permutations():
    table = np.random.default_rng(0).integers(30, size=(5, 5))
    matched = match_clusters(table)
    assert sum(table[i, j] for i, j in matched.items()) == max(
        sum(table[i, j] for i, j in enumerate(order)) for order in permutations(range(5))
    )


def test_the_confusion_matrix_has_matched_pairs_on_its_diagonal():
    table = confusion_table(pd.Series(list("aabbcc")), pd.Series(list("yyzzxx")))
    np.testing.assert_array_equal(np.diag(table), 2)
    assert table.columns.tolist() == ["y", "z", "x"]


def test_the_confusion_matrix_is_that_of_the_replica_that_the_rule_picked(given):
    made = given.tables.choices
    of_model = (made["model"] == "gmvae_dirichlet") & made["in_force"].astype(bool)
    assert of_model.sum() == 1
    picked = made.assign(picked=made["picked"].where(~of_model, "2"))
    given.tables = replace(given.tables, choices=picked)
    assert confusion(given).axes[0].get_title("left") == "gmvae_dirichlet, seed 2"


def test_a_data_set_without_contestants_has_no_confusion_matrix(given):
    none_left = given.tables.summary.assign(mean=float("nan"))
    given.tables = replace(given.tables, summary=none_left)
    assert "no contestant has a score" in confusion(given).texts[0].get_text()


def test_agreement_is_one_with_itself_the_same_both_ways_and_needs_no_label(given):
    given.clusters = given.clusters.assign(label=pd.NA)
    ax, _ = agreement(given).axes
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names[:2] == ["pca", "leiden_pca"]
    assert "true_labels" not in names
    drawn = ax.collections[0].get_array().reshape(len(names), len(names))
    np.testing.assert_allclose(np.diag(drawn), 1)
    np.testing.assert_allclose(drawn, drawn.T)


def test_sizes_of_clusters_leave_out_the_controls_made_of_labels(given):
    names = [label.get_text() for label in usage(given).axes[0].get_yticklabels()]
    assert names[0] == "labels (truth)"
    assert "random_projection" in names
    assert "true_labels" not in names


def test_bars_of_one_replica_add_up_to_all_cells():
    found = pd.DataFrame(
        {"model": "pca", "seed": [0] * 6 + [1] * 6, "cluster": list("000112") + list("000000")}
    )
    widths = [
        bar.get_width() for bar in usage(Given({"pca": "pca"}, clusters=found)).axes[0].patches
    ]
    np.testing.assert_allclose(sorted(widths), [1 / 6, 2 / 6, 3 / 6, 1])


def test_the_shares_of_test_cells_fall_into_the_bin_of_their_largest_probability(tmp_path, given):
    probs = np.array([[0.1, 0.9], [0.5, 0.5], [1.0, 0.0], [0.98, 0.02]], dtype=np.float32)
    obs = pd.DataFrame(
        {"split": pd.Categorical(["train", "test", "test", "test"])}, index=list("abcd")
    )
    about = {"dataset": "digits", "model": "gmvae"}
    for model, of_model in (("gmvae", {3: probs}), ("pca", {})):
        path = tmp_path / model / "embedding.h5ad"
        path.parent.mkdir()
        write_embedding(path, obs=obs, codes={3: probs}, cluster_probs=of_model, about=about)
    given._paths["embeddings"] = sorted(tmp_path.glob("*/embedding.h5ad"))
    found = shares_of_test_cells(given)
    assert set(found["model"]) == {"gmvae"}
    assert found["seed"].unique().tolist() == [3]
    by_bin = found["share"].reset_index(drop=True)
    assert by_bin[by_bin > 0].to_dict() == pytest.approx({10: 1 / 3, 19: 2 / 3})
    (ax,) = [ax for ax in responsibilities(given).axes if ax.axison]
    assert len(ax.lines) == 1


def test_no_model_with_probabilities_is_said_in_a_sentence(given):
    given._paths["embeddings"] = []
    assert "probabilities of clusters" in responsibilities(given).texts[0].get_text()


def test_a_dot_is_the_mean_over_the_cells_of_all_seeds():
    rows = pd.DataFrame(
        [(0, 9, 30, 0.95, 0.9), (1, 9, 10, 0.97, 0.5), (0, 3, 0, np.nan, np.nan)],
        columns=["seed", "bin", "n_obs", "confidence", "accuracy"],
    )
    ax = plot_reliability(plt.figure().subplots(), rows, "#009e73")
    assert ax.collections[0].get_offsets().tolist()[0] == pytest.approx([0.955, 0.8])


def test_a_panel_for_every_model_that_has_rows_and_a_sentence_where_none_has(given):
    assert titles(calibration(given)) == ["gmvae", "gmvae_dirichlet"]
    nothing = replace(given.tables, reliability=given.tables.reliability.iloc[:0])
    given.tables = nothing
    assert "no model gives probabilities" in calibration(given).texts[0].get_text()
