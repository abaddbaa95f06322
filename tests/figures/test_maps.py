import json
from inspect import signature
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from latentbench.figures.maps import draw_maps, lay_out, subset
from latentbench.files.tables import MAPS

SCHEMA = Path(__file__).parents[2] / "config" / "schemas" / "report.schema.json"


def paths_of(study_folder, made_up, dataset):
    models = [model for name, model in made_up.pairs if name == dataset]
    embeddings = [study_folder / "models" / dataset / model / "embedding.h5ad" for model in models]
    clusters = [study_folder / "clusters" / dataset / f"{model}.parquet" for model in models]
    return models, embeddings, clusters


def test_every_model_but_those_made_of_labels_gets_a_map(study_folder, made_up):
    models, embeddings, clusters = paths_of(study_folder, made_up, "digits")
    maps = draw_maps(
        study_folder / "data/digits/prepared.h5ad",
        embeddings,
        clusters,
        n_clusters=10,
        layout="pca",
        max_points=50,
    )
    assert list(maps.columns) == MAPS.columns
    assert set(maps["model"]) == set(models) - {"true_labels", "shuffled_labels"}
    assert (maps.groupby("model")["cell"].nunique() == 50).all()
    assert maps["cluster"].notna().all()


def test_clusters_belong_to_their_own_cells(study_folder, made_up):
    _, embeddings, clusters = paths_of(study_folder, made_up, "digits")
    maps = draw_maps(
        study_folder / "data/digits/prepared.h5ad",
        embeddings[:1],
        clusters[:1],
        n_clusters=10,
        layout="pca",
    )
    table = pd.read_parquet(clusters[0])
    expected = table.set_index("cell")["kmeans_seed0"].astype(str)
    assert (maps.set_index("cell")["cluster"] == expected).all()


def test_a_subset_is_the_same_every_time_and_the_whole_when_it_fits():
    np.testing.assert_array_equal(subset(1000, 50, 0), subset(1000, 50, 0))
    assert len(np.unique(subset(1000, 50, 0))) == 50
    np.testing.assert_array_equal(subset(40, 50, 0), np.arange(40))


@pytest.mark.parametrize("layout", ["pca", "tsne"])
def test_a_layout_is_the_same_every_time_and_keeps_groups_apart(layout):
    random = np.random.default_rng(0)
    groups = np.repeat([0, 1], 40)
    embedding = (random.normal(size=(80, 6)) + 12 * groups[:, None]).astype("float32")
    points = lay_out(embedding, layout=layout, seed=0)
    np.testing.assert_array_equal(points, lay_out(embedding, layout=layout, seed=0))
    distances = np.linalg.norm(points[:, None] - points, axis=-1) + 1e9 * np.eye(80)
    assert (groups[distances.argmin(axis=1)] == groups).all()


def test_two_dimensions_are_shown_as_they_are_and_one_against_zero():
    embedding = np.random.default_rng(0).normal(size=(10, 2)).astype("float32")
    np.testing.assert_array_equal(lay_out(embedding, layout="tsne", seed=0), embedding)
    np.testing.assert_array_equal(
        lay_out(embedding[:, :1], layout="tsne", seed=0), np.c_[embedding[:, 0], np.zeros(10)]
    )


def test_the_schema_has_the_keys_of_the_signature():
    options = {
        name
        for name, parameter in signature(draw_maps).parameters.items()
        if parameter.kind == parameter.KEYWORD_ONLY
    }
    assert set(json.loads(SCHEMA.read_text())["properties"]["maps"]["properties"]) == options
