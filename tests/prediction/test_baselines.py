import numpy as np

from latentbench.prediction.baselines import BASELINES, baseline_predictions
from latentbench.prediction.metrics import METRICS
from latentbench.prediction.protocol import held_out_types


def test_where_every_type_moves_alike_both_arithmetics_find_the_hidden_means(perturbation):
    cells = perturbation({"a": (50, 50), "b": (30, 80), "c": (90, 40)})
    for question in held_out_types(cells, min_cells=20)[0]:
        for name in ("mean_shift", "pca_arithmetic"):
            predicted = BASELINES[name].predict(cells, question)
            np.testing.assert_allclose(
                predicted.mean(0), cells.x[question.stimulated].mean(0), atol=0.1, err_msg=name
            )
        np.testing.assert_array_equal(
            BASELINES["no_prediction"].predict(cells, question), cells.x[question.controls]
        )


def test_hidden_cells_change_no_prediction(perturbation):
    cells = perturbation({"a": (50, 50), "b": (30, 80), "c": (90, 40)})
    question = held_out_types(cells, min_cells=20)[0][1]
    before = {name: baseline.predict(cells, question) for name, baseline in BASELINES.items()}
    cells.x[question.stimulated] += 100
    for name, baseline in BASELINES.items():
        np.testing.assert_array_equal(baseline.predict(cells, question), before[name], err_msg=name)


def test_the_table_has_a_typed_row_where_a_value_cannot_be_had(perturbation):
    cells = perturbation({"a": (50, 50), "b": (30, 80)})
    table, _ = baseline_predictions(cells, held_out_types(cells, min_cells=20)[0], dataset="toy")
    assert len(table) == 3 * 2 * len(METRICS)
    change = table[(table["model"] == "no_prediction") & (table["metric"] == "r2_change")]
    assert change["value"].isna().all()
    assert set(change["status"]) == {"degenerate"}
    assert table["seed"].isna().all()
    assert dict(zip(table["model"], table["saw_labels"], strict=True)) == {
        "no_prediction": False,
        "mean_shift": True,
        "pca_arithmetic": True,
    }
