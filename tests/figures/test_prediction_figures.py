import matplotlib.pyplot as plt
import pandas as pd
import pytest
from study_results import Given

from latentbench.figures.prediction_figures import plot_predictions
from latentbench.figures.prediction_figures import predictions as draw
from latentbench.figures.style import CONTROL_COLOURS, apply_style, method_colours

METRICS = ("r2_mean", "r2_mean_top100", "r2_change", "r2_variance")


def test_a_bar_is_the_mean_over_types_and_seeds_and_every_seed_a_dot(predictions):
    colours = method_colours(predictions)
    assert list(colours) == ["scgen", "no_prediction"]
    assert colours["no_prediction"] in CONTROL_COLOURS.values()
    ax = plot_predictions(
        plt.figure().subplots(), predictions[predictions["metric"] == "r2_mean"], colours
    )
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.705, 0.5])
    assert [sorted(dots.get_offsets()[:, 0]) for dots in ax.collections] == [
        pytest.approx([0.7, 0.71]),
        pytest.approx([0.5]),
    ]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["scgen †", "no_prediction"]
    plt.close("all")


def test_a_metric_without_a_value_has_no_bar(predictions):
    ax = draw(Given(predictions=predictions)).axes[METRICS.index("r2_change")]
    assert len(ax.patches) == 1
    plt.close("all")


def test_what_was_seen_in_training_is_a_block_of_its_own_and_says_so(predictions):
    apply_style()
    scgen = predictions[predictions["model"] == "scgen"]
    seen = pd.concat(
        [
            scgen.assign(hidden="nothing"),
            scgen[scgen["cell_type"] == "a"].assign(
                hidden="nothing", cell_type="all cells", value=0.9
            ),
        ]
    )
    both = pd.concat([predictions, seen])
    names = [text.get_text() for ax in draw(Given(predictions=both)).axes for text in ax.texts]
    assert names == [
        "kang",
        "kang, all cells, nothing hidden (in-sample)",
        "kang, each cell type, nothing hidden (in-sample)",
    ]
    plt.close("all")
