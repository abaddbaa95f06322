from dataclasses import replace

import matplotlib.pyplot as plt

from latentbench.figures.training_figures import losses_figure, plot_term


def test_every_seed_is_a_line_on_train_and_on_test_cells(tables):
    history = tables.history[
        (tables.history["dataset"] == "blobs")
        & (tables.history["model"] == "vae")
        & (tables.history["term"] == "kl_z")
    ]
    assert len(plot_term(plt.figure().subplots(), history, "#e69f00").lines) == 10


def test_a_row_for_every_trained_model_and_a_column_for_every_term(tables):
    figure = losses_figure(tables.of_dataset("pbmc68k_reduced"))
    drawn = [ax for ax in figure.axes if ax.axison]
    # ae: loss and one term; vae and vae_nb: two terms; the mixtures: three.
    assert len(drawn) == 2 + 3 + 3 + 4 + 4


def test_a_study_without_training_gets_a_sentence(tables):
    untrained = replace(tables, history=tables.history.iloc[:0])
    assert "no model" in losses_figure(untrained).texts[0].get_text()
