import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from study_results import Given

from latentbench.figures.image_figures import (
    heads,
    plot_images,
    reconstructions,
    samples,
    traversals,
)
from latentbench.figures.map_figures import posteriors
from latentbench.figures.style import save

SHAPE = (4, 3)


@pytest.fixture
def decoded() -> Given:
    """An autoencoder, a VAE and a mixture of five components."""
    random = np.random.default_rng(0)
    n_vars = SHAPE[0] * SHAPE[1]

    def network(**arrays):
        return {
            "shape": np.array(SHAPE),
            "images": random.random((6, n_vars)),
            "reconstructions": random.random((6, n_vars)),
            **arrays,
        }

    def prior(columns):
        codes = {
            "cells": np.arange(30),
            "code_means": random.normal(size=(30, 4)),
            "code_samples": random.normal(size=(30, 4)),
        }
        walks = {
            "dimensions": np.array([3, 0]),
            "kl": np.array([2.0, 0.5]),
            "traversals": random.random((2, 5, n_vars)),
        }
        return {"samples": random.random((6, columns, n_vars)), **codes, **walks}

    arrays = {
        "ae": network(),
        "vae": network(**prior(6)),
        "gmvae": network(**prior(5), heads=random.random((5, n_vars))),
    }
    obs = pd.DataFrame({"label": [str(i % 3) for i in range(40)]})
    return Given(options={"layout": "pca"}, decoded=arrays, obs=obs)


def titles(figure):
    return [ax.get_title(loc="left") for ax in figure.axes if ax.get_title(loc="left")]


def row_names(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def test_every_image_of_a_sheet_stands_where_its_row_and_column_say(decoded):
    images = np.stack(
        [decoded.held["decoded"]["ae"]["images"], decoded.held["decoded"]["ae"]["reconstructions"]]
    )
    sheet = plot_images(plt.figure().subplots(), images, SHAPE).images[0].get_array()
    assert sheet.shape == (2 * 5 - 1, 6 * 4 - 1)
    np.testing.assert_array_equal(sheet[5:9, 8:11], images[1, 2].reshape(SHAPE))
    assert sheet.mask[4].all()
    assert sheet.mask[:, 3].all()


def test_reconstructions_stand_below_the_images_in_the_order_of_the_models(decoded):
    (ax,) = reconstructions(decoded).axes
    assert row_names(ax) == ["test images", "ae", "vae", "gmvae"]
    np.testing.assert_array_equal(
        ax.images[0].get_array()[:4, :3], decoded.held["decoded"]["ae"]["images"][0].reshape(SHAPE)
    )
    np.testing.assert_array_equal(
        ax.images[0].get_array()[-4:, -3:],
        decoded.held["decoded"]["gmvae"]["reconstructions"][-1].reshape(SHAPE),
    )


def test_only_networks_with_a_prior_are_drawn_from_and_only_mixtures_have_heads(decoded):
    assert titles(samples(decoded)) == ["vae", "gmvae"]
    assert row_names(heads(decoded).axes[0]) == ["gmvae"]
    assert row_names(traversals(decoded).axes[0]) == ["z4  2.0", "z1  0.5"]


def test_means_stand_beside_samples(decoded):
    figure = posteriors(decoded)
    assert titles(figure) == ["vae, means", "vae, samples", "gmvae, means", "gmvae, samples"]
    assert [len(ax.collections[0].get_offsets()) for ax in figure.axes[:4]] == [30] * 4


def test_cells_without_labels_are_mapped_all_the_same(decoded):
    figure = posteriors(Given(decoded=decoded.held["decoded"], obs=decoded.obs[[]]))
    assert len(figure.axes) == 4


def test_what_no_network_has_is_said_in_a_sentence(decoded):
    alone = Given(decoded={"ae": decoded.held["decoded"]["ae"]}, obs=decoded.obs)
    assert "no network" in samples(alone).texts[0].get_text()
    assert "several components" in heads(alone).texts[0].get_text()
    assert "no network" in posteriors(alone).texts[0].get_text()
    assert "no network" in reconstructions(Given(decoded={}, obs=decoded.obs)).texts[0].get_text()


@pytest.mark.parametrize("draw", [reconstructions, samples, heads, traversals, posteriors])
def test_the_same_arrays_give_the_same_bytes_at_the_width_of_the_text(decoded, draw, tmp_path):
    for suffix in (".pdf", ".svg", ".png"):
        paths = [tmp_path / f"{i}{suffix}" for i in range(2)]
        for path in paths:
            figure = draw(decoded)
            assert figure.get_figwidth() <= 7
            save(figure, [path])
        assert paths[0].read_bytes() == paths[1].read_bytes()
