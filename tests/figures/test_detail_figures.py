import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from latentbench.figures.detail_figures import (
    Details,
    pca_figure,
    plot_angles,
    responsibilities,
    responsibilities_figure,
)
from latentbench.figures.style import save

KINDS = {"pca": "pca", "linear_ae": "linear_ae", "gmvae": "gmvae", "true_labels": "true_labels"}


@pytest.fixture
def pca():
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
    return pd.DataFrame(
        rows, columns=["measure", "model", "seed", "split", "component", "value"]
    ).astype({"seed": "Int64"})


@pytest.fixture
def shares():
    rows = [
        (model, seed, b, 1.0 if b == 19 - seed else 0.0)
        for model in ("gmvae", "true_labels")
        for seed in (0, 1)
        for b in range(20)
    ]
    return pd.DataFrame(rows, columns=["model", "seed", "bin", "share"])


def test_the_shares_of_test_cells_fall_into_the_bin_of_their_largest_probability(tmp_path):
    probs = np.array([[0.1, 0.9], [0.5, 0.5], [1.0, 0.0], [0.98, 0.02]], dtype=np.float32)
    embedding = ad.AnnData(
        obs=pd.DataFrame(
            {"split": pd.Categorical(["train", "test", "test", "test"])}, index=list("abcd")
        )
    )
    embedding.obsm = {"X_seed3": probs, "cluster_probs_seed3": probs}
    embedding.write_h5ad(tmp_path / "clusters.h5ad")
    del embedding.obsm["cluster_probs_seed3"]
    embedding.write_h5ad(tmp_path / "plain.h5ad")
    found = responsibilities({"gmvae": tmp_path / "clusters.h5ad", "pca": tmp_path / "plain.h5ad"})
    assert set(found["model"]) == {"gmvae"}
    assert found["seed"].unique().tolist() == [3]
    by_bin = found.set_index("bin")["share"]
    assert by_bin[by_bin > 0].to_dict() == pytest.approx({10: 1 / 3, 19: 2 / 3})


def test_a_line_for_every_seed_and_no_panel_for_a_control(shares, pca):
    figure = responsibilities_figure(Details(KINDS, shares, pca))
    titled = [ax for ax in figure.axes if ax.get_title(loc="left")]
    assert [ax.get_title(loc="left") for ax in titled] == ["gmvae"]
    stairs = [patch.get_data().values for patch in titled[0].patches]
    assert [values.argmax() for values in stairs] == [19, 18]


def test_no_model_with_probabilities_is_said_in_a_sentence(shares, pca):
    figure = responsibilities_figure(Details(KINDS, shares.iloc[:0], pca))
    assert "no model of this study" in figure.texts[0].get_text()


def test_angles_are_drawn_only_where_a_linear_autoencoder_was_trained(shares, pca):
    assert len(pca_figure(Details(KINDS, shares, pca)).axes) == 3
    assert len(pca_figure(Details(KINDS, shares, pca[pca["model"] == "pca"])).axes) == 2


def test_every_seed_has_a_line_for_the_decoder_and_a_hollow_one_for_the_encoder(pca):
    angles = pca[pca["measure"] != "variance_share"]
    ax = plot_angles(plt.figure().subplots(), angles, {"linear_ae": "#0072b2"})
    assert (
        sorted((line.get_markerfacecolor(), line.get_ydata().tolist()) for line in ax.lines)
        == [("#0072b2", [0.1, 0.2])] * 2 + [("white", [30, 60])] * 2
    )


def test_training_cells_stand_above_their_sums_in_the_second_panel(shares, pca):
    first, second, _ = pca_figure(Details(KINDS, shares, pca)).axes
    np.testing.assert_allclose(first.lines[0].get_ydata(), [50, 25, 50 / 3])
    np.testing.assert_allclose(second.lines[0].get_ydata(), [50, 75, 75 + 50 / 3])


@pytest.mark.parametrize("draw", [pca_figure, responsibilities_figure])
def test_the_same_numbers_give_the_same_bytes(draw, shares, pca, tmp_path):
    for suffix in (".pdf", ".svg", ".png"):
        paths = [tmp_path / f"{i}{suffix}" for i in range(2)]
        for path in paths:
            save(draw(Details(KINDS, shares, pca)), [path])
        assert paths[0].read_bytes() == paths[1].read_bytes()
