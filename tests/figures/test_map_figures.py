import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from study_results import Given

from latentbench.figures.map_figures import maps, plot_map
from latentbench.figures.maps import cluster_colours
from latentbench.figures.style import natural_order

KINDS = {"pca": "pca", "gmvae": "gmvae"}


def test_a_cluster_takes_the_colour_of_its_label_and_an_unmatched_one_a_paler_shade():
    points = pd.DataFrame({"label": list("aaabbb"), "cluster": list("110222")})
    colours = cluster_colours(points, {"a": "#0072b2", "b": "#e69f00"})
    assert colours["1"] == "#0072b2"
    assert colours["2"] == "#e69f00"
    assert colours["0"] not in ("#0072b2", "#e69f00")


def test_maps_without_labels_are_drawn_by_cluster_alone(study_folder):
    table = pd.read_parquet(study_folder / "maps/blobs.parquet").assign(label=None, condition=None)
    figure = maps(Given(KINDS, maps=table))
    assert [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()] == ["clusters"]


def test_no_map_at_all_is_a_figure_that_says_so(study_folder):
    table = pd.read_parquet(study_folder / "maps/blobs.parquet").iloc[:0]
    assert "no model" in maps(Given(KINDS, maps=table)).texts[0].get_text()


def test_unlabelled_cells_are_drawn_first_in_grey():
    points = pd.DataFrame({"x": np.arange(4.0), "y": 0.0, "label": ["a", None, "a", None]})
    ax = plot_map(plt.figure().subplots(), points, "label", {"a": "#0072b2"}, rasterized=True)
    drawn = ax.collections[0].get_offsets()[:, 0]
    assert set(drawn[:2]) == {1.0, 3.0}
    assert ax.collections[0].get_rasterized()


def test_numbers_are_ordered_by_value():
    assert natural_order(["10", "9", "b", "-1", "a"]) == ["-1", "9", "10", "a", "b"]
