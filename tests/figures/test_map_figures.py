from itertools import permutations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from latentbench.figures.map_figures import (
    cluster_colours,
    confusion_figure,
    maps_figure,
    match_clusters,
    natural_order,
    plot_confusion,
    plot_map,
    usage_figure,
)


def test_the_matching_covers_as_many_cells_as_the_best_of_all_permutations():
    table = np.random.default_rng(0).integers(30, size=(5, 5))
    matched = match_clusters(table)
    assert sum(table[i, j] for i, j in matched.items()) == max(
        sum(table[i, j] for i, j in enumerate(order)) for order in permutations(range(5))
    )


def test_a_cluster_takes_the_colour_of_its_label_and_an_unmatched_one_a_paler_shade():
    points = pd.DataFrame({"label": list("aaabbb"), "cluster": list("110222")})
    colours = cluster_colours(points, {"a": "#0072b2", "b": "#e69f00"})
    assert colours["1"] == "#0072b2"
    assert colours["2"] == "#e69f00"
    assert colours["0"] not in ("#0072b2", "#e69f00")


def test_the_confusion_matrix_has_matched_pairs_on_its_diagonal():
    labels, clusters = pd.Series(list("aabbcc")), pd.Series(list("yyzzxx"))
    ax = plot_confusion(plt.figure().subplots(), labels, clusters)
    np.testing.assert_array_equal(np.diag(ax.images[0].get_array()), 1)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["y", "z", "x"]


def test_a_data_set_without_labels_gets_a_sentence_instead_of_a_matrix():
    figure = confusion_figure(pd.DataFrame({"label": [None, None], "cluster": ["0", "1"]}), "pca")
    assert "no labelled test cell" in figure.texts[0].get_text()


def test_maps_without_labels_are_drawn_by_cluster_alone(study_folder):
    maps = pd.read_parquet(study_folder / "maps/blobs.parquet").assign(label=None, condition=None)
    figure = maps_figure(maps, ["pca", "gmvae"])
    assert [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()] == ["clusters"]


def test_no_map_at_all_is_a_figure_that_says_so(study_folder):
    maps = pd.read_parquet(study_folder / "maps/blobs.parquet").iloc[:0]
    assert "no model" in maps_figure(maps, []).texts[0].get_text()


def test_unlabelled_cells_are_drawn_first_in_grey():
    points = pd.DataFrame({"x": np.arange(4.0), "y": 0.0, "label": ["a", None, "a", None]})
    ax = plot_map(plt.figure().subplots(), points, "label", {"a": "#0072b2"}, rasterized=True)
    drawn = ax.collections[0].get_offsets()[:, 0]
    assert set(drawn[:2]) == {1.0, 3.0}
    assert ax.collections[0].get_rasterized()


def test_bars_of_one_replica_add_up_to_all_cells(study_folder):
    found = pd.DataFrame(
        {"model": "pca", "seed": [0] * 6 + [1] * 6, "cluster": list("000112") + list("000000")}
    )
    ax = usage_figure(found, {"pca": "#0072b2"}).axes[0]
    widths = [patch.get_width() for patch in ax.patches]
    np.testing.assert_allclose(sorted(widths), [1 / 6, 2 / 6, 3 / 6, 1])


def test_numbers_are_ordered_by_value():
    assert natural_order(["10", "9", "b", "-1", "a"]) == ["-1", "9", "10", "a", "b"]
