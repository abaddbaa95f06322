import matplotlib.pyplot as plt
import numpy as np
import pytest

from latentbench.figures.score_figures import cost, plot_scores, scores
from latentbench.figures.style import model_colours
from latentbench.report.tables import headline


def test_every_seed_is_a_dot_at_its_value_and_every_mean_is_drawn(tables):
    of_dataset = tables.of_dataset("digits")
    of_seeds, summary = headline(of_dataset)
    of_seeds, summary = (table[table["metric"] == "ari"] for table in (of_seeds, summary))
    colours = {"pca": "#000000", "gmvae": "#ff0000"}
    of_seeds, summary = (rows[rows["model"].isin(colours)] for rows in (of_seeds, summary))
    ax = plot_scores(plt.figure().subplots(), of_seeds, summary, colours)
    (dots,) = ax.collections
    assert sorted(dots.get_offsets()[:, 0]) == sorted(of_seeds["value"].dropna())
    means = np.concatenate([line.get_xdata() for line in ax.lines if line.get_marker() == "|"])
    intervals = [line.get_xdata() for line in ax.lines if line.get_marker() == "None"]
    intervals = sorted(ends.tolist() for ends in intervals if np.isfinite(ends).all())
    of_model = summary.set_index("model").loc[list(colours)]
    assert sorted(means[np.isfinite(means)]) == pytest.approx(sorted(of_model["mean"]))
    np.testing.assert_allclose(intervals, of_model[["low", "high"]].sort_values("low"))
    assert [text.get_text() for text in ax.texts] == ["4 of 5"]


def test_models_that_saw_labels_are_marked(inputs_of):
    figure = scores(inputs_of("blobs"))
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert "true_labels †" in names
    assert "gmvae" in names


def test_a_model_that_does_not_apply_has_no_row(inputs_of):
    names = [label.get_text() for label in scores(inputs_of("digits")).axes[0].get_yticklabels()]
    assert "vae_nb" not in names


def test_axes_carry_name_and_unit(inputs_of):
    assert [ax.get_xlabel() for ax in cost(inputs_of("blobs")).axes] == [
        "training time of a replica (s)",
        "peak memory (MB)",
    ]
    assert [ax.get_xlabel() for ax in scores(inputs_of("blobs")).axes] == [
        "ARI, test cells",
        "NMI, test cells",
        "ACC, test cells",
    ]


def test_colours_are_the_same_on_every_data_set(tables):
    assert (
        model_colours(tables.kinds).items()
        >= model_colours(tables.of_dataset("blobs").kinds).items()
    )
