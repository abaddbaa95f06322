import pandas as pd
import pytest
from study_results import Given

from latentbench.evaluation.markers import COLUMNS
from latentbench.figures.marker_figures import LARGEST, first_genes
from latentbench.figures.marker_figures import markers as draw
from latentbench.figures.style import save


@pytest.fixture
def markers():
    genes = [f"G{j}" for j in range(6)]
    rows = []
    for grouping, groups in (("cluster", ["0", "1", "10", "2"]), ("label", ["B cell", "NK"])):
        for g, group in enumerate(groups):
            for j, gene in enumerate(genes):
                rank = (j - g) % len(genes) + 1
                rows.append(
                    (
                        "made_up",
                        "gmvae",
                        grouping,
                        group,
                        20,
                        gene,
                        rank,
                        9.0 - rank,
                        6.0 - rank,
                        1.0,
                        0.25 if j else 1.0,
                        "ok",
                        "",
                    )
                )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_genes_come_in_the_order_of_the_clusters_each_once_and_not_too_many(markers, monkeypatch):
    clusters = markers[markers["grouping"] == "cluster"]
    assert set(first_genes(clusters)) == {f"G{j}" for j in range(6)}
    monkeypatch.setattr("latentbench.figures.marker_figures.MOST_GENES", 4)
    # clusters 0, 1, 2, 10: of the fixture's order 0, 1, 10, 2
    assert first_genes(clusters) == ["G0", "G1", "G3", "G2"]


def test_area_is_the_share_of_its_own_group_and_gene(markers):
    figure = draw(Given(markers=markers))
    clusters, labels = figure.axes[:2]
    assert [text.get_text() for text in clusters.get_yticklabels()] == ["0", "1", "2", "10"]
    assert [text.get_text() for text in labels.get_yticklabels()] == ["B cell", "NK"]
    genes = [text.get_text() for text in labels.get_xticklabels()]
    dots = clusters.collections[0]
    for (x, y), size in zip(dots.get_offsets(), dots.get_sizes(), strict=True):
        group, gene = ["0", "1", "2", "10"][int(y)], genes[int(x)]
        row = markers[
            (markers["grouping"] == "cluster")
            & (markers["group"] == group)
            & (markers["gene"] == gene)
        ].iloc[0]
        assert size == pytest.approx(LARGEST * row["share"])


def test_without_clusters_the_figure_says_why(markers):
    gap = markers.iloc[:1].assign(
        status="not_applicable",
        reason="no variant has a value of silhouette, by which one is picked",
        gene=None,
    )
    figure = draw(Given(markers=pd.concat([gap, markers[markers["grouping"] == "label"]])))
    assert "no variant has a value of silhouette" in figure.texts[0].get_text()


def test_no_text_is_cut_off_and_the_bytes_are_the_same(markers, tmp_path):
    figure = draw(Given(markers=markers))
    figure.draw_without_rendering()
    for ax in figure.axes[:2]:
        for label in ax.get_yticklabels():
            assert label.get_window_extent().x0 >= 0
    for suffix in (".pdf", ".svg", ".png"):
        paths = [tmp_path / f"{i}{suffix}" for i in range(2)]
        for path in paths:
            save(draw(Given(markers=markers)), [path])
        assert paths[0].read_bytes() == paths[1].read_bytes()
