import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from latentbench.figures.image_figures import (
    Decoded,
    heads_figure,
    plot_images,
    posteriors_figure,
    reconstructions_figure,
    samples_figure,
    traversals_figure,
)
from latentbench.figures.style import save

SHAPE = (4, 3)
IMAGE_FIGURES = {
    "reconstructions": reconstructions_figure,
    "samples": samples_figure,
    "heads": heads_figure,
    "traversals": traversals_figure,
}


@pytest.fixture
def decoded() -> Decoded:
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
    return Decoded(arrays, pd.DataFrame({"label": [str(i % 3) for i in range(40)]}))


def titles(figure):
    return [ax.get_title(loc="left") for ax in figure.axes if ax.get_title(loc="left")]


def row_names(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def test_every_image_of_a_sheet_stands_where_its_row_and_column_say(decoded):
    images = np.stack([decoded.arrays["ae"]["images"], decoded.arrays["ae"]["reconstructions"]])
    sheet = plot_images(plt.figure().subplots(), images, SHAPE).images[0].get_array()
    assert sheet.shape == (2 * 5 - 1, 6 * 4 - 1)
    np.testing.assert_array_equal(sheet[5:9, 8:11], images[1, 2].reshape(SHAPE))
    assert sheet.mask[4].all()
    assert sheet.mask[:, 3].all()


def test_reconstructions_stand_below_the_images_in_the_order_of_the_models(decoded):
    (ax,) = IMAGE_FIGURES["reconstructions"](decoded).axes
    assert row_names(ax) == ["test images", "ae", "vae", "gmvae"]
    np.testing.assert_array_equal(
        ax.images[0].get_array()[:4, :3], decoded.arrays["ae"]["images"][0].reshape(SHAPE)
    )
    np.testing.assert_array_equal(
        ax.images[0].get_array()[-4:, -3:],
        decoded.arrays["gmvae"]["reconstructions"][-1].reshape(SHAPE),
    )


def test_only_networks_with_a_prior_are_drawn_from_and_only_mixtures_have_heads(decoded):
    assert titles(IMAGE_FIGURES["samples"](decoded)) == ["vae", "gmvae"]
    assert row_names(IMAGE_FIGURES["heads"](decoded).axes[0]) == ["gmvae"]
    assert row_names(IMAGE_FIGURES["traversals"](decoded).axes[0]) == ["z4  2.0", "z1  0.5"]


def test_means_stand_beside_samples(decoded):
    figure = posteriors_figure(decoded, layout="pca", seed=0)
    assert titles(figure) == ["vae, means", "vae, samples", "gmvae, means", "gmvae, samples"]
    assert [len(ax.collections[0].get_offsets()) for ax in figure.axes[:4]] == [30] * 4


def test_cells_without_labels_are_mapped_all_the_same(decoded):
    figure = posteriors_figure(Decoded(decoded.arrays, decoded.obs[[]]), layout="pca", seed=0)
    assert len(figure.axes) == 4


def test_what_no_network_has_is_said_in_a_sentence(decoded):
    alone = Decoded({"ae": decoded.arrays["ae"]}, decoded.obs)
    assert "no network" in IMAGE_FIGURES["samples"](alone).texts[0].get_text()
    assert "several components" in IMAGE_FIGURES["heads"](alone).texts[0].get_text()
    assert "no network" in posteriors_figure(alone, layout="pca", seed=0).texts[0].get_text()
    assert (
        "no network"
        in IMAGE_FIGURES["reconstructions"](Decoded({}, decoded.obs)).texts[0].get_text()
    )


@pytest.mark.parametrize("name", [*IMAGE_FIGURES, "posteriors"])
def test_the_same_arrays_give_the_same_bytes_at_the_width_of_the_text(decoded, name, tmp_path):
    draw = IMAGE_FIGURES.get(name, lambda each: posteriors_figure(each, layout="pca", seed=0))
    for suffix in (".pdf", ".svg", ".png"):
        paths = [tmp_path / f"{i}{suffix}" for i in range(2)]
        for path in paths:
            figure = draw(decoded)
            assert figure.get_figwidth() <= 7
            save(figure, [path])
        assert paths[0].read_bytes() == paths[1].read_bytes()
