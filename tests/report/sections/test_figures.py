import pytest

from latentbench.figures.captions import names_of
from latentbench.report.figures import figures_of, placed, placed_by_dataset
from latentbench.report.sections.figures import view


def test_figures_come_in_the_order_of_their_records_whatever_the_order_of_their_files(svg):
    figures = figures_of(
        "dataset",
        dict.fromkeys(reversed(names_of("dataset")), svg),
        folder="blobs/",
        dataset="blobs",
        shown="all cells",
    )
    assert [figure["name"] for figure in figures] == names_of("dataset")
    assert {figure["stem"] for figure in figures} == {
        f"blobs/{name}" for name in names_of("dataset")
    }


def test_the_alternative_text_of_a_figure_is_its_title(results):
    figure = placed(results, "training", "blobs")[0]
    assert f'aria-label="{figure["title"]}"' in figure["svg"]
    assert "blobs" in figure["title"]


def test_a_figure_without_a_record_is_refused(svg):
    with pytest.raises(ValueError, match="figure 'heat' of a study has no caption"):
        figures_of("study", {"heat": svg})


def test_what_holds_clusters_against_labels_is_no_figure_of_data_without(make_results):
    results = make_results(labels=False)
    assert placed_by_dataset(results, "scores") == {}
    names = {figure["name"] for figure in placed(results, "training", "blobs")}
    assert names == {"losses", "usage", "latents", "responsibilities"}


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
