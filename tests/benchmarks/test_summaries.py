import pandas as pd
import pytest
from summaries import summarise_quality, summarise_times


def rounds_of(times: dict[str, list[float]], **columns) -> pd.DataFrame:
    rows = [
        (side, number, value)
        for side, values in times.items()
        for number, value in enumerate(values, 1)
    ]
    return pd.DataFrame(rows, columns=["side", "round", "us_per_cell"]).assign(**columns)


def test_a_ratio_is_taken_within_a_round_so_that_a_machine_that_slows_down_does_not_change_it():
    rounds = rounds_of({"peer": [100.0, 200.0, 400.0], "ours": [10.0, 20.0, 40.0]})
    ours = summarise_times(rounds, reference="peer").set_index("side").loc["ours"]
    assert ours["us_per_cell"] == 20
    assert ours[["times_faster", "times_q1", "times_q3"]].tolist() == [10, 10, 10]


def test_medians_and_quartiles_over_rounds_with_one_outlier():
    rounds = rounds_of({"peer": [80.0] * 5, "ours": [8.0, 10.0, 16.0, 20.0, 1000.0]})
    ours = summarise_times(rounds, reference="peer").set_index("side").loc["ours"]
    assert ours[["rounds", "us_min", "us_per_cell", "us_q1", "us_q3"]].tolist() == [
        5,
        8,
        16,
        10,
        20,
    ]
    assert ours[["times_faster", "times_q1", "times_q3"]].tolist() == [5, 4, 8]


def test_tasks_are_kept_apart_and_a_task_without_the_reference_has_no_ratio():
    rounds = pd.concat(
        [
            rounds_of({"peer": [90.0], "ours": [30.0]}, task="small"),
            rounds_of({"ours": [50.0]}, task="large"),
        ]
    )
    summary = summarise_times(rounds, reference="peer", by=["task"]).set_index(["task", "side"])
    assert summary.loc[("small", "ours"), "times_faster"] == 3
    assert summary.loc[("large", "ours"), "us_per_cell"] == 50
    assert pd.isna(summary.loc[("large", "ours"), "times_faster"])


def test_the_quality_of_a_side_is_a_difference_of_means_in_percent_of_the_reference():
    scores = pd.DataFrame(
        [
            ("nb", "peer", 0, 999.0),
            ("nb", "peer", 1, 1001.0),
            ("nb", "ours", 0, 1001.0),
            ("nb", "ours", 1, 1003.0),
            ("zinb", "peer", 0, 500.0),
        ],
        columns=["task", "side", "seed", "minus_elbo"],
    )
    summary = summarise_quality(scores, reference="peer").set_index(["task", "side"])
    ours = summary.loc[("nb", "ours")]
    assert ours[["seeds", "mean", "best", "worst"]].tolist() == [2, 1002, 1001, 1003]
    assert ours["sd"] == pytest.approx(2**0.5)
    assert ours["above_reference_percent"] == pytest.approx(0.2)
    assert summary.loc[("zinb", "peer"), "above_reference_percent"] == 0
