from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from latentbench.evaluation.metrics import AGREEMENT
from latentbench.evaluation.published import SHEET_COLUMNS, compare_with_published, read_published
from latentbench.files.tables import PREDICTIONS
from latentbench.prediction.metrics import METRICS

CONFIG = Path(__file__).parents[2] / "config"
ROW = {
    **{
        "experiment": "digits without labels",
        "chapter": "digits",
        "dataset": "digits",
        "model": "vae",
        "table": "scores",
        "clustering": "kmeans",
    },
    **{
        "split": "test",
        "metric": "acc",
        "cell_type": "",
        "hidden": "",
        "source": "Someone 2020",
        "value": "0.5",
        "value_high": "",
        "protocol": "best run",
        "bar": "",
        "remark": "",
    },
}


def sheet(tmp_path, **changes):
    path = tmp_path / "published.tsv"
    pd.DataFrame([{**ROW, **changes}])[SHEET_COLUMNS].to_csv(path, sep="\t", index=False)
    return path


def scores(values, status="ok", reason=""):
    rows = [
        ("digits", "vae", seed, "test", "kmeans", "acc", value, status, reason)
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(
        rows,
        columns=[
            "dataset",
            "model",
            "seed",
            "split",
            "clustering",
            "metric",
            "value",
            "status",
            "reason",
        ],
    )


def compared(tmp_path, found, predictions=None, **changes):
    return compare_with_published(
        read_published(sheet(tmp_path, **changes)), found, predictions, n_bootstrap=200
    ).iloc[0]


@pytest.mark.parametrize(
    ("changes", "standing"),
    [
        ({"value": "0.5"}, "above"),
        ({"value": "0.62"}, "within"),
        ({"value": "0.9"}, "below"),
        ({"value": "0.4", "value_high": "0.65"}, "within"),
    ],
)
def test_ours_stands_by_its_whole_interval(tmp_path, changes, standing):
    row = compared(tmp_path, scores([0.6, 0.62, 0.64, 0.61, 0.63]), **changes)

    assert row["standing"] == standing
    assert row["low"] < row["mean"] < row["high"]
    assert row["mean"] == pytest.approx(0.62)
    assert (row["n_seeds"], row["lowest"], row["highest"]) == (5, 0.6, 0.64)


def test_one_seed_stands_by_its_value(tmp_path):
    assert compared(tmp_path, scores([0.6]))["standing"] == "above"


@pytest.mark.parametrize(("bar", "met"), [("", ""), ("0.6", "yes"), ("0.7", "no")])
def test_a_bar_is_reached_by_the_mean(tmp_path, bar, met):
    assert compared(tmp_path, scores([0.6, 0.62]), bar=bar)["bar_met"] == met


@pytest.mark.parametrize(
    ("found", "changes", "status", "reason"),
    [
        (scores([0.6]), {"model": "absent"}, "not_applicable", "not part of this study"),
        (scores([0.6]), {"table": "predictions"}, "not_applicable", "not part of this study"),
        (
            scores([0.6]),
            {"model": "", "remark": "not rebuilt: why"},
            "not_applicable",
            "not rebuilt: why",
        ),
        (
            scores([np.nan], "diverged", "not finite at epoch 3"),
            {},
            "diverged",
            "not finite at epoch 3",
        ),
    ],
)
def test_without_a_value_there_is_a_reason_and_no_standing(
    tmp_path, found, changes, status, reason
):
    row = compared(tmp_path, found, bar="0.1", **changes)

    assert (row["status"], row["reason"], row["standing"], row["bar_met"]) == (
        status,
        reason,
        "",
        "",
    )
    assert np.isnan(row["mean"])


def test_seeds_that_failed_do_not_hide_those_that_ended_well(tmp_path):
    both = pd.concat([scores([0.6, 0.62]), scores([np.nan], "diverged", "why").assign(seed=2)])

    assert compared(tmp_path, both)["n_seeds"] == 2


def test_a_prediction_is_averaged_over_cell_types_before_seeds_unless_one_is_named(tmp_path):
    answers = [("cell_type", "B", 0.8), ("cell_type", "T", 0.9), ("nothing", "T", 1.0)]
    rows = [
        ("kang", "cvae", hidden, seed, kind, "r2_mean", value + seed / 100, "ok", "", False)
        for seed in range(2)
        for hidden, kind, value in answers
    ]
    predictions = pd.DataFrame(rows, columns=PREDICTIONS.columns)
    asked = {
        "dataset": "kang",
        "model": "cvae",
        "metric": "r2_mean",
        "table": "predictions",
        "hidden": "cell_type",
    }

    assert compared(tmp_path, scores([]), predictions, **asked)["mean"] == pytest.approx(0.855)
    assert compared(tmp_path, scores([]), predictions, **asked, cell_type="T")[
        "mean"
    ] == pytest.approx(0.905)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": "high"}, r"published.tsv, line 2: value: 'high' is no number"),
        ({"value": ""}, r"published.tsv, line 2: value: the published number is missing"),
        (
            {"table": "score"},
            r"published.tsv, line 2: table: 'score' is not one of scores, predictions",
        ),
    ],
)
def test_a_mistake_in_the_sheet_is_refused_with_its_line(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        read_published(sheet(tmp_path, **changes))


def test_a_missing_column_is_refused(tmp_path):
    (tmp_path / "p.tsv").write_text("experiment\tvalue\na\t1\n")
    with pytest.raises(ValueError, match="no column chapter, dataset"):
        read_published(tmp_path / "p.tsv")


def test_the_committed_sheet_names_variants_metrics_and_chapters_of_the_thesis():
    published, thesis = (
        read_published(CONFIG / "published.tsv"),
        yaml.safe_load((CONFIG / "thesis.yaml").read_text()),
    )
    trained = {
        (dataset, model)
        for each in thesis["experiments"]
        for dataset in each["datasets"]
        for model in each["models"]
    }
    predicting = {
        model
        for scale in [thesis, thesis["scales"]["full"]]
        for request in scale["predictions"]
        for model in request["models"]
    }
    baselines = {"no_prediction", "mean_shift", "pca_arithmetic"}

    assert set(published["chapter"]) <= {chapter["name"] for chapter in thesis["chapters"]}
    for row in published.itertuples():
        assert row.metric in (METRICS if row.table == "predictions" else AGREEMENT)
        if row.table == "predictions":
            assert row.model in predicting | baselines
        elif row.model:
            assert (row.dataset, row.model) in trained, row
