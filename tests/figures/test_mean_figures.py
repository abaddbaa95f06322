import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from study_results import Given

from latentbench.figures.prediction_figures import first_seeds, plot_means, shown_type
from latentbench.figures.prediction_figures import means as draw
from latentbench.figures.style import save
from latentbench.files.tables import MEANS

GENES = [f"g{j}" for j in range(12)]


@pytest.fixture
def means():
    random, frames = np.random.default_rng(0), []
    control = random.random(12)
    for cell_type, n, shift in (("a", 40, 0.3), ("b", 90, 0.2), ("all cells", 130, 0.25)):
        stimulated = control + shift
        stimulated[[3, 7]] += 2
        for hidden in ("cell_type", "nothing") if cell_type != "all cells" else ("nothing",):
            for model, seeds in (("scgen", (4, 9)), ("no_prediction", (pd.NA,))):
                for seed in seeds:
                    predicted = (
                        control
                        if model == "no_prediction"
                        else stimulated + 0.01 * int(seed) * random.standard_normal(12)
                    )
                    frames.append(
                        pd.DataFrame(
                            {
                                "dataset": "toy",
                                "model": model,
                                "hidden": hidden,
                                "seed": seed,
                                "cell_type": cell_type,
                                "n_stimulated": n,
                                "gene": GENES,
                                "control": control,
                                "stimulated": stimulated,
                                "predicted": predicted,
                            }
                        )
                    )
    return pd.concat(frames, ignore_index=True)[MEANS.columns].astype({"seed": "Int64"})


def test_every_gene_is_a_dot_at_its_two_means_and_the_most_changed_are_named(means):
    rows = means[
        (means["model"] == "scgen")
        & (means["seed"] == 4)
        & (means["cell_type"] == "b")
        & (means["hidden"] == "nothing")
    ]
    ax = plot_means(plt.figure().subplots(), rows, "#0072b2")
    np.testing.assert_allclose(
        ax.collections[0].get_offsets(), rows[["stimulated", "predicted"]].to_numpy()
    )
    named = {text.get_text() for text in ax.texts}
    assert {"g3", "g7"} <= named
    said = next(text for text in named if text.startswith("r²"))
    expected = np.corrcoef(rows["predicted"], rows["stimulated"])[0, 1] ** 2
    change = (
        np.corrcoef(rows["predicted"] - rows["control"], rows["stimulated"] - rows["control"])[0, 1]
        ** 2
    )
    assert said == f"r² {expected:.3f}\nr² change {change:.3f}"


def test_a_change_that_is_nothing_has_a_dash(means):
    rows = means[
        (means["model"] == "no_prediction")
        & (means["cell_type"] == "a")
        & (means["hidden"] == "nothing")
    ]
    assert any(
        "r² change –" in text.get_text()
        for text in plot_means(plt.figure().subplots(), rows, "#0072b2").texts
    )


def test_the_type_of_most_cells_is_shown_where_cells_were_hidden_and_all_cells_where_none_were(
    means,
):
    assert shown_type(means[means["hidden"] == "cell_type"]) == "b"
    assert shown_type(means[means["hidden"] == "nothing"]) == "all cells"
    texts = [text.get_text() for ax in draw(Given(means=means)).axes for text in ax.texts]
    assert "b, its stimulated cells hidden" in texts
    assert "all cells, nothing hidden (in-sample)" in texts


def test_the_first_seed_of_a_network_is_shown_and_methods_without_seeds_too(means):
    shown = first_seeds(means)
    assert set(shown.loc[shown["model"] == "scgen", "seed"]) == {4}
    assert (shown["model"] == "no_prediction").any()


def test_networks_come_first_and_a_data_set_without_predictions_says_so(means):
    figure = draw(Given(means=means))
    titles = [ax.get_title(loc="left").strip() for ax in figure.axes if ax.get_title(loc="left")]
    assert titles == ["scgen", "no_prediction"] * 2
    assert "no method" in draw(Given(means=means.iloc[:0])).texts[0].get_text()


def test_the_same_means_give_the_same_bytes(means, tmp_path):
    for suffix in (".pdf", ".svg", ".png"):
        paths = [tmp_path / f"{i}{suffix}" for i in range(2)]
        for path in paths:
            save(draw(Given(means=means)), [path])
        assert paths[0].read_bytes() == paths[1].read_bytes()
