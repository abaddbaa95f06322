import numpy as np
import pandas as pd
import pytest
from study_results import Given

from latentbench.figures.map_figures import two_latents
from latentbench.figures.style import save


@pytest.fixture
def latents():
    random = np.random.default_rng(0)
    sizes = {"fixed": 2, "learned": 5}
    return {
        model: {
            "cells": np.arange(5, 25),
            **{name: random.normal(size=(20, n)) for name in ("mu_w", "w", "mu_z", "z")},
        }
        for model, n in sizes.items()
    }


@pytest.fixture
def obs():
    return pd.DataFrame(
        {"label": [str(i % 3) for i in range(40)], "condition": ["control", "treated"] * 20}
    )


def maps_of(figure):
    return [ax for ax in figure.axes if ax.collections]


def test_two_dimensions_are_shown_as_they_are_each_once_by_class_and_once_by_condition(
    latents, obs
):
    maps = maps_of(two_latents(Given(latents=latents, obs=obs)))
    assert len(maps) == 2 * 4 * 2
    by_class, by_condition = maps[0], maps[4]
    shown = np.sort(np.asarray(by_class.collections[0].get_offsets()), axis=0)
    np.testing.assert_allclose(shown, np.sort(latents["fixed"]["mu_w"], axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        np.sort(np.asarray(by_condition.collections[0].get_offsets()), axis=0), shown
    )
    assert by_class.get_ylabel() == "fixed\nclass"
    assert [ax.get_title(loc="left") for ax in maps[:4]] == [
        "mean of w",
        "w",
        "mean of z",
        "z",
    ]


def test_without_a_condition_there_is_one_row_and_without_both_or_any_model_a_sentence(
    latents, obs
):
    assert len(maps_of(two_latents(Given(latents=latents, obs=obs[["label"]])))) == 2 * 4
    for figure in (
        two_latents(Given(latents=latents, obs=obs[[]])),
        two_latents(Given(latents={}, obs=obs)),
    ):
        assert "no model with a second latent" in figure.texts[0].get_text()


def test_no_title_is_cut_off_and_the_bytes_are_the_same(latents, obs, tmp_path):
    figure = two_latents(Given(latents=latents, obs=obs))
    figure.draw_without_rendering()
    for ax in maps_of(figure):
        assert ax.get_tightbbox().y1 <= figure.bbox.y1 + 1
        assert ax.get_tightbbox().x0 >= -1
    for suffix in (".pdf", ".svg", ".png"):
        paths = [tmp_path / f"{i}{suffix}" for i in range(2)]
        for path in paths:
            save(two_latents(Given(latents=latents, obs=obs)), [path])
        assert paths[0].read_bytes() == paths[1].read_bytes()
