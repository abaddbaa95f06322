"""Reliability and latent dimensions: what is drawn is what the tables say, and nothing to draw is
said.
"""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from latentbench.figures.health_figures import (
    calibration_figure,
    latents_figure,
    plot_latents,
    plot_reliability,
)


@pytest.fixture
def ax():
    yield plt.figure().subplots()
    plt.close("all")


def test_a_dot_is_the_mean_over_the_cells_of_all_seeds(ax):
    rows = pd.DataFrame(
        [(0, 9, 30, 0.95, 0.9), (1, 9, 10, 0.97, 0.5), (0, 3, 0, np.nan, np.nan)],
        columns=["seed", "bin", "n_obs", "confidence", "accuracy"],
    )
    drawn = plot_reliability(ax, rows, "#009e73").collections[0].get_offsets()
    assert drawn.tolist()[0] == pytest.approx([0.955, 0.8])


def test_dimensions_go_from_the_most_to_the_least(ax):
    rows = pd.DataFrame({"seed": 0, "value": [0.1, 2.0, 0.7]})
    assert plot_latents(ax, rows, "#009e73").lines[0].get_ydata().tolist() == [2.0, 0.7, 0.1]


def test_a_panel_for_every_model_that_has_rows(tables):
    of_dataset = tables.of_dataset("digits")
    titles = [ax.get_title("left") for ax in calibration_figure(of_dataset).axes if ax.axison]
    assert titles == ["gmvae", "gmvae_dirichlet"]
    titles = [ax.get_title("left") for ax in latents_figure(of_dataset).axes if ax.axison]
    assert titles == ["ae", "vae", "gmvae", "gmvae_dirichlet"]
    plt.close("all")


def test_nothing_to_draw_is_a_sentence(tables):
    nothing = replace(
        tables.of_dataset("digits"),
        reliability=tables.reliability.iloc[:0],
        quality=tables.quality.iloc[:0],
    )
    for figure in (calibration_figure(nothing), latents_figure(nothing)):
        assert "no model of this study" in figure.texts[0].get_text()
    plt.close("all")
