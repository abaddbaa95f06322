import json
from inspect import signature
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from latentbench.figures.maps import draw_maps, lay_out
from latentbench.figures.style import label_colours
from latentbench.report.explorer.explorer import Shelf, _places, explore
from latentbench.report.explorer.explorer_file import restore

SCHEMA = Path(__file__).parents[3] / "config" / "schemas" / "report.schema.json"


@pytest.fixture(scope="module")
def files(study_folder, made_up):
    models = [model for name, model in made_up.pairs if name == "digits"]
    embeddings = [study_folder / "models/digits" / model / "embedding.h5ad" for model in models]
    clusters = [study_folder / "clusters/digits" / f"{model}.parquet" for model in models]
    prepared = study_folder / "data/digits/prepared.h5ad"
    maps = draw_maps(prepared, embeddings, clusters, n_clusters=10, layout="tsne", max_points=40)
    return prepared, embeddings, clusters, maps


@pytest.fixture(scope="module")
def explored(files):
    return explore(*files, n_clusters=10)


def view_of(explored, model, seed):
    return next(
        view for view in explored.about["views"] if (view["model"], view["seed"]) == (model, seed)
    )


def layout_of(view, name):
    return next(layout for layout in view["layouts"] if layout["name"] == name)


def test_every_seed_that_ended_well_has_a_view_but_for_controls_made_of_labels(explored, made_up):
    found = {(view["model"], view["seed"]) for view in explored.about["views"]}
    models = {model for name, model in made_up.pairs if name == "digits"} - {
        "shuffled_labels",
        "true_labels",
    }
    assert found == {(model, seed) for model in models for seed in range(5)} - {
        made_up.diverged[1:]
    }


def test_the_cells_are_those_of_the_maps(explored, files):
    assert sorted(explored.about["cells"]) == sorted(files[3]["cell"].unique())
    assert explored.about["n_obs"] == 120


def test_the_first_seed_has_the_layout_of_the_maps_cell_by_cell(explored, files):
    layout = layout_of(view_of(explored, "vae", 0), "tsne")
    shown = (
        files[3][files[3]["model"] == "vae"]
        .set_index("cell")
        .loc[explored.about["cells"], ["x", "y"]]
        .to_numpy()
        .T
    )
    half = (np.array(layout["high"]) - np.array(layout["low"])) / 65535 / 2
    assert (
        np.abs(restore(explored.arrays[layout["points"]], layout["low"], layout["high"]) - shown)
        <= half[:, None] * (1 + 1e-5)
    ).all()


def test_other_seeds_have_the_principal_components_of_their_codes_over_the_same_cells(
    explored, files
):
    view = view_of(explored, "vae", 3)
    assert [layout["name"] for layout in view["layouts"]] == ["pca"]
    embedding = ad.read_h5ad(next(path for path in files[1] if path.parent.name == "vae"))
    codes = embedding[explored.about["cells"]].obsm["X_seed3"]
    layout = view["layouts"][0]
    np.testing.assert_allclose(
        restore(explored.arrays[layout["points"]], layout["low"], layout["high"]).T,
        lay_out(codes, layout="pca", seed=0),
        atol=1e-3,
    )


def test_labels_and_clusters_belong_to_their_own_cells(explored, files):
    about, arrays = explored.about, explored.arrays
    obs = ad.read_h5ad(files[0]).obs.loc[about["cells"]]
    label = about["columns"]["label"]
    assert [label["values"][i] for i in arrays[label["cells"]]] == obs["label"].tolist()
    assert label["colours"] == list(label_colours(label["values"]).values())
    own = (
        pd.read_parquet(next(path for path in files[2] if path.stem == "gmvae"))
        .set_index("cell")
        .loc[about["cells"], "own_seed2"]
    )
    clusters = view_of(explored, "gmvae", 2)["clusters"]
    assert [clusters["values"][i] for i in arrays[clusters["cells"]]] == own.astype(str).tolist()
    assert len(clusters["colours"]) == len(clusters["values"])


def test_a_cluster_has_the_colour_of_the_label_it_is_matched_to(explored):
    clusters, label = view_of(explored, "gmvae", 2)["clusters"], explored.about["columns"]["label"]
    truth, found = explored.arrays[label["cells"]], explored.arrays[clusters["cells"]]
    matched = [
        int(np.bincount(truth[found == i]).argmax())
        for i in range(len(clusters["values"]))
        if (truth[found == i] == truth[found == i][0]).all()
    ]
    pure = [
        i
        for i in range(len(clusters["values"]))
        if (truth[found == i] == truth[found == i][0]).all()
    ]
    assert pure
    assert [clusters["colours"][i] for i in pure] == [label["colours"][i] for i in matched]


def test_a_cell_without_a_label_is_one_beyond_the_values(files, tmp_path):
    prepared = ad.read_h5ad(files[0])
    prepared.obs.loc[prepared.obs.index[:60], "label"] = np.nan
    prepared.write_h5ad(tmp_path / "prepared.h5ad")
    explored = explore(tmp_path / "prepared.h5ad", *files[1:], n_clusters=10)
    label = explored.about["columns"]["label"]
    missing = prepared.obs.loc[explored.about["cells"], "label"].isna().to_numpy()
    assert missing.any()
    assert (explored.arrays[label["cells"]] == len(label["values"])).tolist() == missing.tolist()


def test_the_same_study_gives_the_same_content(explored, files):
    again = explore(*files, n_clusters=10)
    assert again.about == explored.about
    assert all((again.arrays[name] == array).all() for name, array in explored.arrays.items())


def test_a_small_budget_shows_fewer_cells(files):
    assert explore(*files, n_clusters=10, max_megabytes=0.03).n_cells < 40


def test_no_map_no_view(files):
    explored = explore(files[0], [], [], files[3].iloc[:0], n_clusters=10)
    assert explored.about["views"] == []
    assert explored.about["cells"] == []


def test_equal_content_is_kept_once():
    shelf = Shelf()
    one = np.arange(6, dtype=np.uint16).reshape(2, 3)
    assert shelf.put("a", one) == "a"
    assert shelf.put("b", one.copy()) == "a"
    assert shelf.put("c", one.astype(np.uint8)) == "c"
    assert set(shelf.arrays) == {"a", "c"}


def test_the_options_of_the_config_are_arguments():
    options = json.loads(SCHEMA.read_text())["properties"]["explorer"]["properties"]
    assert set(options) <= set(signature(explore).parameters)
    for name in ("n_genes", "max_megabytes"):
        assert (
            f"default {signature(explore).parameters[name].default:g}"
            in options[name]["description"]
        )


def test_more_than_255_values_take_two_bytes():
    texts = pd.Series([f"{i}" for i in range(300)])
    assert _places(texts, texts.tolist()).tolist() == list(range(300))
    assert _places(texts[:255], texts[:255].tolist()).dtype == np.uint8
