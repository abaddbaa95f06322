import pandas as pd

from latentbench.figures.prediction_figures import method_colours
from latentbench.prediction.tables import ALL_METHODS, summarise_predictions
from latentbench.report.sections.predictions import gaps_table, predictions_table


def rows_of(predictions):
    shown = predictions_table(summarise_predictions(predictions), method_colours(predictions))
    assert shown.columns[2:-2] == (
        "r², means",
        "r², means of 100 genes",
        "r², change",
        "r², variances",
        "r, change",
        "Error, variances",
        "Error, zeros",
        "Energy distance",
    )
    return {
        tuple(cell.text for cell in row[:2]): [cell.text for cell in row[2:]] for row in shown.rows
    }


def test_a_method_is_a_row_and_what_has_no_value_a_dash(predictions):
    rows = rows_of(predictions)
    assert list(rows) == [("kang", "scgen †"), ("kang", "no_prediction")]
    assert rows["kang", "no_prediction"][:4] == ["0.500", "0.500", "–", "0.500"]
    assert rows["kang", "scgen †"][-2:] == ["2", "2"]
    assert rows["kang", "no_prediction"][-1] == "–"


def test_what_has_no_number_is_said_once_with_its_reason(predictions):
    gaps = {
        (row[1].text, row[2].text): (row[3].text, row[4].text)
        for row in gaps_table(predictions).rows
    }
    assert gaps == {
        (ALL_METHODS, "<rare>"): ("all", "not applicable"),
        ("no_prediction", "a, b"): ("r2_change", "degenerate"),
    }


def test_what_was_seen_in_training_has_rows_of_its_own(predictions):
    scgen = predictions[predictions["model"] == "scgen"]
    seen = scgen[scgen["cell_type"] == "a"].assign(
        hidden="nothing", cell_type="all cells", value=0.9
    )
    both = pd.concat([predictions, scgen.assign(hidden="nothing"), seen])
    rows = rows_of(both)
    assert rows["kang", "scgen †"][0] == "0.705"
    assert rows["kang, each cell type, nothing hidden (in-sample)", "scgen †"][0] == "0.705"
    assert rows["kang, all cells, nothing hidden (in-sample)", "scgen †"][0] == "0.900"
