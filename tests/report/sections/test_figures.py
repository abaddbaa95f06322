import pytest

from latentbench.figures.catalogue import FIGURES
from latentbench.figures.style import nothing_to_show, save
from latentbench.report.figures import figures_of, placed
from latentbench.report.sections.figures import view

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


def test_the_alternative_text_of_a_figure_is_its_title(results):
    figure = placed(results, "training", "blobs")[0]
    assert f'aria-label="{figure["title"]}"' in figure["svg"]
    assert "blobs" in figure["title"]


def test_a_figure_without_a_record_is_refused(svg):
    with pytest.raises(ValueError, match="no figure 'heat' of a study"):
        figures_of("study", {"heat": svg})


def test_a_figure_with_nothing_to_show_is_left_out(tmp_path):
    save(nothing_to_show("all replicas failed"), [tmp_path / "scores.svg"])
    assert figures_of("study", {"scores": tmp_path / "scores.svg"}) == []


def test_the_list_holds_every_figure_once_in_groups(results):
    groups = view(results)["groups"]
    assert list(groups) == [
        "The whole study",
        *results.datasets,
        "Models",
        "Numbered figures of the thesis",
    ]
    stems = [figure["stem"] for figures in groups.values() for figure in figures]
    assert len(stems) == len(set(stems))
    assert {"ranks", "blobs/maps", "plates/vae", "thesis/figure_3_1_vae"} <= set(stems)
    assert groups["Models"][0]["title"] == "Plate diagram of vae"
