import matplotlib.pyplot as plt

from latentbench.figures.score_figures import cost_figure, plot_scores, scores_figure
from latentbench.figures.style import model_colours
from latentbench.report.tables import headline


def test_every_seed_is_a_dot_at_its_value_and_every_mean_is_drawn(tables):
    of_dataset = tables.of_dataset("digits")
    scores, summary = headline(of_dataset)
    scores, summary = scores[scores["metric"] == "ari"], summary[summary["metric"] == "ari"]
    colours = {"pca": "#000000", "gmvae": "#ff0000"}
    ax = plot_scores(plt.figure().subplots(), scores, summary, colours)
    dots = [line.get_xdata() for line in ax.lines if line.get_marker() == "o"]
    assert [len(values) for values in dots] == [5, 4]
    assert sorted(dots[0]) == sorted(scores.loc[scores["model"] == "pca", "value"])
    means = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "|"]
    assert means == summary.set_index("model").loc[["pca", "gmvae"], "mean"].tolist()
    assert [text.get_text() for text in ax.texts] == ["4 of 5"]


def test_models_that_saw_labels_are_marked(tables):
    figure = scores_figure(tables, ["blobs"])
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert "true_labels †" in names
    assert "gmvae" in names


def test_a_model_that_does_not_apply_has_no_row(tables):
    names = [
        label.get_text() for label in scores_figure(tables, ["digits"]).axes[0].get_yticklabels()
    ]
    assert "vae_nb" not in names


def test_axes_carry_name_and_unit(tables):
    assert [ax.get_xlabel() for ax in cost_figure(tables, ["blobs"]).axes] == [
        "training time of a replica (s)",
        "peak memory (MB)",
    ]
    assert [ax.get_xlabel() for ax in scores_figure(tables, ["blobs"]).axes] == [
        "ARI, test cells",
        "NMI, test cells",
        "ACC, test cells",
    ]


def test_colours_are_the_same_on_every_data_set(tables):
    assert (
        model_colours(tables.kinds).items()
        >= model_colours(tables.of_dataset("blobs").kinds).items()
    )
