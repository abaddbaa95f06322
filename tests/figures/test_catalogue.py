from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest

from latentbench.figures.catalogue import FIGURES, figure_of
from latentbench.figures.jobs import CONDITIONS, stems, units
from latentbench.study.sheets import read_yaml
from latentbench.study.study import Study, load_study

ROOT = Path(__file__).parents[2]
each_figure = pytest.mark.parametrize("figure", FIGURES, ids=lambda each: f"{each.per}-{each.name}")


def study_of(**changes) -> Study:
    config = read_yaml(ROOT / "config/config.yaml") | changes
    return load_study(config, named="config", schemas=ROOT / "config/schemas", folders=[ROOT])


def test_every_condition_is_one_of_jobs():
    assert {figure.when for figure in FIGURES} == set(CONDITIONS)


def test_every_figure_has_one_entry():
    keys = [(figure.name, figure.per) for figure in FIGURES]
    assert len(keys) == len(set(keys))


@each_figure
def test_what_draws_a_figure_takes_what_is_given(figure):
    module, name = figure.draw.split(":")
    function = getattr(import_module(f"latentbench.figures.{module}"), name)
    assert list(signature(function).parameters) == ["given"]


@each_figure
def test_nothing_is_left_to_fill_in(figure):
    of = "vae" if figure.per == "kind" else "blobs"
    said = figure.described(of, shown="all cells")
    assert not any("{" in text for text in said.values())
    assert not said["title"].endswith(".")
    assert said["caption"].endswith(".")


def test_names_and_shown_cells_are_filled_in_even_where_they_hold_braces():
    said = figure_of("maps", "dataset").described("a{x}", shown="3 of 9 cells")
    assert said["title"] == "Maps of the embeddings of a{x}, coloured by truth and by cluster"
    assert said["caption"] == "3 of 9 cells."
    assert said["data"] == "maps/a{x}.parquet"
    assert said["id"] == "figure-a-x--maps"


def test_a_data_set_has_the_figures_that_its_kind_of_data_can_have():
    has = {name: set(unit.stems) for name, unit in units(study_of()).items()}
    assert "{dataset}/samples" in has["digits"] - has["blobs"] - has["pbmc68k_reduced"]
    assert "{dataset}/markers" in has["pbmc68k_reduced"] - has["digits"] - has["blobs"]
    assert "{dataset}/two_latents" in has["blobs"] - has["digits"]
    assert "plates/vae" in has["plates"]


def test_without_labels_there_is_nothing_that_needs_them():
    study = study_of(datasets=["blobs"])
    study.rows["blobs"]["label"] = None
    drawn = stems(study)
    assert not {"scores", "ranks", "blobs/scores", "blobs/confusion", "blobs/calibration"} & {
        *drawn
    }
    assert {"cost", "blobs/maps", "blobs/losses", "blobs/usage"} <= {*drawn}


def test_a_job_names_the_modules_that_draw_and_the_kinds_that_are_drawn():
    found = units(study_of())
    assert "figures.marker_figures" in found["pbmc68k_reduced"].modules
    assert "figures.marker_figures" not in found["digits"].modules
    assert "models.vae" in found["plates"].modules


def test_a_figure_without_an_entry_is_refused_with_the_place_to_mend():
    with pytest.raises(ValueError, match=r"no figure 'heat' of a dataset; add its entry"):
        figure_of("heat", "dataset")
