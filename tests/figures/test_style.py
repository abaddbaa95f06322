import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from latentbench.figures.style import (
    LABEL_COLOURS,
    MODEL_COLOURS,
    apply_style,
    label_colours,
    model_colours,
    model_order,
    save,
)

DICHROMACIES = {
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
}
"""Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB."""


def oklab(linear: np.ndarray) -> np.ndarray:
    to_lms = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.cbrt(np.clip(linear, 0, 1) @ np.array(to_lms).T) @ np.array(to_lab).T


@pytest.mark.parametrize(
    ("seen", "bar"), [("normal", 0.085), ("deuteranopia", 0.045), ("protanopia", 0.045)]
)
def test_the_first_ten_label_colours_stay_apart_however_they_are_seen(seen, bar):
    rgb = np.array([to_rgb(colour) for colour in LABEL_COLOURS[:10]])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lab = oklab(linear if seen == "normal" else linear @ np.array(DICHROMACIES[seen]).T)
    distances = np.linalg.norm(lab[:, None] - lab, axis=-1)[np.triu_indices(10, 1)]
    assert distances.min() > bar


def test_controls_come_last_and_built_in_models_keep_their_order():
    kinds = {
        "true_labels": "true_labels",
        "zeta": "vae",
        "gmvae": "gmvae",
        "pca": "pca",
        "chance": "shuffled_labels",
        "alpha": "ae",
    }
    assert model_order(kinds) == ["pca", "gmvae", "alpha", "zeta", "chance", "true_labels"]


def test_a_model_keeps_its_colour_when_another_is_added():
    few = model_colours({"pca": "pca", "mine": "vae"})
    more = model_colours(
        {"pca": "pca", "mine": "vae", "gmvae": "gmvae", "random_projection": "random_projection"}
    )
    assert few["mine"] == more["mine"]
    assert few["pca"] == more["pca"] == MODEL_COLOURS["pca"]


def test_five_models_of_the_users_own_get_five_colours():
    colours = model_colours({f"model{i}": "vae" for i in range(5)})
    assert len(set(colours.values())) == 5


def test_forty_labels_get_forty_colours():
    assert len(set(label_colours(f"type {i}" for i in range(40)).values())) == 40


@pytest.mark.parametrize("suffix", [".pdf", ".svg", ".png"])
def test_the_same_figure_gives_the_same_bytes(tmp_path, suffix):
    apply_style()
    for name in ("first", "second"):
        figure = Figure(figsize=(2, 1))
        figure.subplots().plot([0, 1], [1, 0])
        save(figure, [tmp_path / f"{name}{suffix}"])
    assert (tmp_path / f"first{suffix}").read_bytes() == (tmp_path / f"second{suffix}").read_bytes()
