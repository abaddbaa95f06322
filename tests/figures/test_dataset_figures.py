from dataclasses import replace

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from latentbench.figures.dataset_figures import DATASET_FIGURES, Material
from latentbench.figures.maps import gather_clusters
from latentbench.report.tables import headline_clusterings


@pytest.fixture
def material(study_folder, tables, made_up):
    of_dataset = tables.of_dataset("digits")
    paths = {
        model: study_folder / f"clusters/digits/{model}.parquet"
        for name, model in made_up.pairs
        if name == "digits"
    }
    found = gather_clusters(
        study_folder / "data/digits/prepared.h5ad", paths, headline_clusterings(of_dataset)
    )
    yield Material(of_dataset, pd.read_parquet(study_folder / "maps/digits.parquet"), found)
    plt.close("all")


def test_the_confusion_matrix_is_that_of_the_replica_that_the_rule_picked(material):
    made = material.tables.choices
    of_model = (made["model"] == "gmvae_dirichlet") & made["in_force"].astype(bool)
    assert of_model.sum() == 1
    tables = replace(
        material.tables, choices=made.assign(picked=made["picked"].where(~of_model, "2"))
    )
    figure = DATASET_FIGURES["confusion"](Material(tables, material.maps, material.found))
    assert figure.axes[0].get_title("left") == "gmvae_dirichlet, seed 2"


def test_sizes_of_clusters_leave_out_the_controls_made_of_labels(material):
    names = [
        label.get_text() for label in DATASET_FIGURES["usage"](material).axes[0].get_yticklabels()
    ]
    assert "labels (truth)" in names
    assert "random_projection" in names
    assert "true_labels" not in names


def test_a_data_set_without_contestants_still_gets_its_figures(material):
    none_left = material.tables.summary.assign(mean=float("nan"))
    tables = replace(material.tables, summary=none_left)
    assert (
        "no confusion matrix"
        in DATASET_FIGURES["confusion"](Material(tables, material.maps, material.found))
        .axes[0]
        .texts[0]
        .get_text()
    )
