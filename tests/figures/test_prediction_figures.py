import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from latentbench.figures.prediction_figures import (
    method_colours,
    plot_predictions,
    prediction_gaps,
    prediction_rows,
    predictions_figure,
)
from latentbench.figures.style import CONTROL_COLOURS, apply_style
from latentbench.prediction.tables import ALL_METHODS, summarise_predictions

METRICS = ("r2_mean", "r2_mean_top100", "r2_change", "r2_variance")


@pytest.fixture
def predictions():
    rows = []
    for metric in METRICS:
        for cell_type, level in (("a", 0.6), ("b", 0.8)):
            rows += [
                (
                    "kang",
                    "scgen",
                    "cell_type",
                    seed,
                    cell_type,
                    metric,
                    level + 0.01 * seed,
                    "ok",
                    "",
                    True,
                )
                for seed in (0, 1)
            ]
            status, reason, value = (
                ("degenerate", "none", np.nan) if metric == "r2_change" else ("ok", "", 0.5)
            )
            rows.append(
                (
                    "kang",
                    "no_prediction",
                    "cell_type",
                    pd.NA,
                    cell_type,
                    metric,
                    value,
                    status,
                    reason,
                    False,
                )
            )
        rows.append(
            (
                "kang",
                ALL_METHODS,
                "cell_type",
                pd.NA,
                "<rare>",
                metric,
                np.nan,
                "not_applicable",
                "3 cells",
                False,
            )
        )
    columns = [
        "dataset",
        "model",
        "hidden",
        "seed",
        "cell_type",
        "metric",
        "value",
        "status",
        "reason",
        "saw_labels",
    ]
    return pd.DataFrame(rows, columns=columns).astype({"seed": "Int64"})


def test_a_bar_is_the_mean_over_types_and_seeds_and_every_seed_a_dot(predictions):
    colours = method_colours(predictions)
    assert list(colours) == ["scgen", "no_prediction"]
    assert colours["no_prediction"] in CONTROL_COLOURS.values()
    ax = plot_predictions(
        plt.figure().subplots(), predictions[predictions["metric"] == "r2_mean"], colours
    )
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.705, 0.5])
    assert [sorted(line.get_xdata()) for line in ax.lines] == [
        pytest.approx([0.7, 0.71]),
        pytest.approx([0.5]),
    ]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["scgen †", "no_prediction"]
    plt.close("all")


def test_a_metric_without_a_value_has_no_bar_and_its_row_a_dash(predictions):
    ax = predictions_figure(predictions).axes[METRICS.index("r2_change")]
    assert len(ax.patches) == 1
    rows = prediction_rows(summarise_predictions(predictions), method_colours(predictions))
    assert [row["method"] for row in rows] == ["scgen", "no_prediction"]
    assert [cell["text"] for cell in rows[1]["metrics"]] == ["0.500", "0.500", "–", "0.500"]
    assert (rows[0]["n_types"], rows[0]["n_seeds"], rows[1]["n_seeds"]) == (2, 2, 0)
    plt.close("all")


def test_what_has_no_number_is_said_once_with_its_reason(predictions):
    gaps = {
        (gap["model"], gap["cell_type"]): (gap["metric"], gap["status"])
        for gap in prediction_gaps(predictions)
    }
    assert gaps == {
        (ALL_METHODS, "<rare>"): ("all", "not applicable"),
        ("no_prediction", "a, b"): ("r2_change", "degenerate"),
    }


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
    names = [text.get_text() for ax in predictions_figure(both).axes for text in ax.texts]
    assert names == [
        "kang",
        "kang, all cells, nothing hidden (in-sample)",
        "kang, each cell type, nothing hidden (in-sample)",
    ]
    rows = {
        (row["dataset"], row["method"]): row["metrics"][0]["text"]
        for row in prediction_rows(summarise_predictions(both), method_colours(both))
    }
    assert (
        rows["kang", "scgen"]
        == rows["kang, each cell type, nothing hidden (in-sample)", "scgen"]
        == "0.705"
    )
    assert rows["kang, all cells, nothing hidden (in-sample)", "scgen"] == "0.900"
    plt.close("all")
