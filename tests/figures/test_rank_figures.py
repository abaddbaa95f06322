import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from study_results import Given

from latentbench.evaluation.ranks import clique_letters, cliques
from latentbench.figures.rank_figures import groups_of, plot_ranks
from latentbench.figures.rank_figures import ranks as draw
from latentbench.figures.style import model_colours


def ranks_of(mean_ranks, difference):
    letters = clique_letters(
        cliques(np.array(list(mean_ranks.values())), difference), len(mean_ranks)
    )
    return pd.DataFrame(
        {
            "scope": "all",
            "model": list(mean_ranks),
            "mean_rank": mean_ranks.values(),
            "cliques": letters,
        }
    ).sort_values("mean_rank")


def made_tests(difference=1.2, p_value=0.001, status="ok", reason=""):
    rows = [("friedman", np.nan), ("iman_davenport", np.nan), ("nemenyi", difference)]
    shared = {
        "statistic": 9.0,
        "df": 2.0,
        "df_residual": 14.0,
        "p_value": p_value,
        "method": "exact",
        "n_datasets": 8,
        "n_models": 3,
    }
    return pd.DataFrame(
        [
            {
                "scope": "all",
                "test": name,
                "critical_difference": cd,
                "status": status,
                "reason": reason,
                **shared,
            }
            for name, cd in rows
        ]
    )


def bars(ax, name):
    return [tuple(line.get_xdata()) for line in ax.lines if line.get_gid() == name]


def test_every_model_is_named_and_stands_at_its_mean_rank_in_its_colour():
    ranks = ranks_of({"pca": 3.0, "vae": 1.25, "gmvae": 1.75}, 1.2)
    colours = model_colours({"pca": "pca", "vae": "vae", "gmvae": "gmvae"})
    ax = plot_ranks(plt.figure().subplots(), ranks, groups_of(ranks), 1.2, colours)
    dots = {line.get_color(): line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"}
    assert dots == {colours["pca"]: 3.0, colours["vae"]: 1.25, colours["gmvae"]: 1.75}
    assert {"vae  1.25", "gmvae  1.75", "3.00  pca"} <= {text.get_text() for text in ax.texts}


def test_a_bar_joins_each_group_and_the_critical_difference_has_its_length():
    ranks = ranks_of({"pca": 3.0, "vae": 1.25, "gmvae": 1.75, "ae": 4.0}, 1.3)
    assert groups_of(ranks) == [(1.25, 1.75), (1.75, 3.0), (3.0, 4.0)]
    ax = plot_ranks(
        plt.figure().subplots(),
        ranks,
        groups_of(ranks),
        1.3,
        dict.fromkeys(ranks["model"], "#000000"),
    )
    assert len(bars(ax, "group")) == 3
    assert all(
        low < group[0] and group[1] < high
        for (low, high), group in zip(bars(ax, "group"), groups_of(ranks), strict=True)
    )
    ((start, end),) = bars(ax, "critical difference")
    assert end - start == pytest.approx(1.3)


def test_a_model_on_its_own_has_no_bar():
    assert groups_of(ranks_of({"pca": 3.0, "vae": 1.0}, 0.5)) == []


def test_more_groups_than_the_alphabet_are_all_drawn():
    ranks = ranks_of({f"model{i}": float(i + 1) for i in range(40)}, 1.5)
    assert len(groups_of(ranks)) == 39


@pytest.mark.parametrize(
    "names",
    [
        ("pca", "vae", "ae"),
        (
            "gmvae_dirichlet_images_from_kmeans_warm_start",
            "a_long_name_of_the_users_own_variant_no_2",
            "pca",
        ),
    ],
)
def test_names_of_any_length_leave_room_for_the_axis(names):
    ranks = ranks_of(dict(zip(names, (1.2, 2.0, 2.8), strict=True)), 1.2)
    figure = draw(Given(dict.fromkeys(names, "vae"), ranks=ranks, tests=made_tests()))
    figure.draw_without_rendering()
    ax = figure.axes[0]
    left, right = (ax.transData.transform((rank, 0))[0] for rank in (1, 3))
    assert right - left > 0.3 * figure.bbox.width
    extents = [text.get_window_extent() for text in ax.texts]
    assert min(extent.x0 for extent in extents) >= 0
    assert max(extent.x1 for extent in extents) <= figure.bbox.width


def test_the_studys_own_tables_are_drawn(ranks, tests_of_ranks, tables):
    figure = draw(Given(tables.kinds, ranks=ranks, tests=tests_of_ranks))
    shown = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert all(model in shown for model in ranks.loc[ranks["scope"] == "all", "model"])


def test_without_a_test_there_is_a_sentence_instead_of_an_empty_figure():
    figure = draw(
        Given(
            {"pca": "pca", "vae": "vae"},
            ranks=ranks_of({"pca": 1.0, "vae": 2.0}, 1.0),
            tests=made_tests(status="not_applicable", reason="two contestants"),
        )
    )
    assert [text.get_text() for text in figure.texts] == ["Nothing to show: two contestants."]
