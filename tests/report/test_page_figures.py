import pytest

from latentbench.figures.catalogue import FIGURES
from latentbench.figures.style import nothing_to_show, save
from latentbench.report.page_figures import figure_groups, figures_of, plate_figures

NAMES = [figure.name for figure in FIGURES if figure.per == "dataset"]


def test_figures_come_in_the_order_of_their_records_whatever_the_order_of_their_files(svg):
    figures = figures_of(
        "dataset",
        dict.fromkeys(reversed(NAMES), svg),
        of="blobs",
        shown="all cells",
    )
    assert [figure["name"] for figure in figures] == NAMES
    assert {figure["stem"] for figure in figures} == {f"blobs/{name}" for name in NAMES}


def test_the_alternative_text_of_a_figure_is_its_title(svg):
    (figure,) = figures_of("dataset", {"losses": svg}, of="blobs")
    assert f'aria-label="{figure["title"]}"' in figure["svg"]
    assert "blobs" in figure["title"]


def test_a_figure_without_a_place_in_the_page_is_listed_and_not_shown(svg):
    (figure,) = figures_of("study", {"scores": svg})
    assert figure["svg"] is None


def test_a_figure_with_nothing_to_show_is_left_out(tmp_path):
    save(nothing_to_show("all replicas failed"), [tmp_path / "scores.svg"])
    assert figures_of("study", {"scores": tmp_path / "scores.svg"}) == []


def test_a_figure_without_a_record_is_refused(svg):
    with pytest.raises(ValueError, match="no figure 'heat' of a study"):
        figures_of("study", {"heat": svg})


def test_groups_hold_every_figure_once(svg):
    study, plates = figures_of("study", {"ranks": svg}), plate_figures({"vae": svg})
    of_blobs = figures_of("dataset", {"maps": svg}, of="blobs", shown="all cells")
    thesis = figures_of("thesis", {"figure_3_1_vae": svg})
    groups = figure_groups(study, {"blobs": of_blobs, "empty": []}, plates, thesis)
    assert [
        (group["name"], [figure["stem"] for figure in group["figures"]]) for group in groups
    ] == [
        ("The whole study", ["ranks"]),
        ("blobs", ["blobs/maps"]),
        ("Models", ["plates/vae"]),
        ("Numbered figures of the thesis", ["thesis/figure_3_1_vae"]),
    ]
    assert plates[0]["title"] == "Plate diagram of vae"
