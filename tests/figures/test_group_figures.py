import numpy as np
import pandas as pd
from made_up_answer import made_up_answer

from latentbench.figures.group_figures import groups, groups_figure
from latentbench.figures.inputs import Inputs
from latentbench.figures.style import NOTHING


def write(folder, study_folder, models):
    maps = pd.read_parquet(study_folder / "maps/blobs.parquet")
    cells = pd.DataFrame({"cell": maps["cell"].unique()})
    cells = cells.assign(group=np.arange(len(cells)) % 3, certainty=0.5, runner_up=0)
    cells.to_parquet(folder / "cells.parquet")
    made_up_answer({"blobs": models})["answer_models"].to_csv(
        folder / "models.tsv", sep="\t", index=False
    )
    paths = {"answer_cells": folder / "cells.parquet", "answer_models": folder / "models.tsv"}
    return Inputs(paths | {"maps": study_folder / "maps/blobs.parquet"}, of="blobs")


def test_the_chosen_models_map_is_shown_by_group_and_by_certainty(study_folder, tmp_path):
    figure = groups(write(tmp_path, study_folder, ["gmvae", "vae"]))
    left, right = figure.axes[:2]
    assert "gmvae" in left.get_title(loc="left")
    assert [text.get_text() for text in left.texts] == ["0", "1", "2"]
    assert right.get_title(loc="left") == "certainty"


def test_a_chosen_model_without_a_map_gives_way_to_the_next_best(study_folder, tmp_path):
    figure = groups(write(tmp_path, study_folder, ["embedded_elsewhere", "vae", "gmvae"]))
    assert "of vae" in figure.axes[0].get_title(loc="left")


def test_without_groups_there_is_nothing_to_show(study_folder, tmp_path):
    assert groups(write(tmp_path, study_folder, ["nobody"])).get_label() == NOTHING


def test_the_least_sure_cells_lie_on_top():
    points = pd.DataFrame(
        {"x": [0.0, 1.0, 2.0], "y": 0.0, "group": 0, "certainty": [0.2, 0.9, 0.5]}
    )
    right = groups_figure(points, "vae").axes[1]
    assert right.collections[0].get_array().tolist() == [0.9, 0.5, 0.2]
