from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from study_results import Given

from latentbench.figures.training_figures import latents, losses, pca, plot_term


@pytest.fixture
def components():
    rows = [
        ("variance_share", "pca", pd.NA, split, j, 0.5 / j)
        for split in ("train", "test")
        for j in (1, 2, 3)
    ]
    rows += [
        (f"angle_{side}", "linear_ae", seed, "train", j, angle * j)
        for side, angle in (("decoder", 0.1), ("encoder", 30))
        for seed in (0, 1)
        for j in (1, 2)
    ]
    columns = ["measure", "model", "seed", "split", "component", "value"]
    table = pd.DataFrame(rows, columns=columns).astype({"seed": "Int64"})
    return Given({"linear_ae": "linear_ae"}, pca=table)


def test_every_seed_is_a_line_on_train_and_on_test_cells(tables):
    history = tables.history[
        (tables.history["dataset"] == "blobs")
        & (tables.history["model"] == "vae")
        & (tables.history["term"] == "kl_z")
    ]
    assert len(plot_term(plt.figure().subplots(), history, "#e69f00").lines) == 10


def test_a_row_for_every_trained_model_and_a_column_for_every_term(inputs_of):
    drawn = [ax for ax in losses(inputs_of("pbmc68k_reduced")).axes if ax.axison]
    # ae: loss and one term; vae and vae_nb: two terms; the mixtures: three.
    assert len(drawn) == 2 + 3 + 3 + 4 + 4


def test_what_no_model_has_is_said_in_a_sentence(inputs_of):
    given = inputs_of("digits")
    tables = given.tables
    given.tables = replace(tables, history=tables.history.iloc[:0], quality=tables.quality.iloc[:0])
    for draw in (losses, latents):
        assert "no model" in draw(given).texts[0].get_text()


def test_dimensions_go_from_the_most_to_the_least_in_a_panel_for_every_model(inputs_of):
    panels = [ax for ax in latents(inputs_of("digits")).axes if ax.axison]
    assert [ax.get_title("left") for ax in panels] == ["ae", "vae", "gmvae", "gmvae_dirichlet"]
    for line in panels[1].lines:
        values = line.get_ydata().tolist()
        assert values == sorted(values, reverse=True)


def test_angles_are_drawn_only_where_a_linear_autoencoder_was_trained(components):
    assert len(pca(components).axes) == 3
    table = components.held["pca"]
    assert len(pca(Given(pca=table[table["model"] == "pca"])).axes) == 2


def test_every_seed_has_a_line_for_the_decoder_and_a_hollow_one_for_the_encoder(components):
    lines = pca(components).axes[2].lines
    filled = [line for line in lines if line.get_markerfacecolor() != "white"]
    hollow = [line for line in lines if line.get_markerfacecolor() == "white"]
    assert [line.get_ydata().tolist() for line in filled] == [[0.1, 0.2]] * 2
    assert [line.get_ydata().tolist() for line in hollow] == [[30, 60]] * 2


def test_training_cells_stand_above_their_sums_in_the_second_panel(components):
    first, second, _ = pca(components).axes
    np.testing.assert_allclose(first.lines[0].get_ydata(), [50, 25, 50 / 3])
    np.testing.assert_allclose(second.lines[0].get_ydata(), [50, 75, 75 + 50 / 3])
