import numpy as np
import pandas as pd
import pytest

from latentbench.preprocessing.gate import label_warnings, pass_gate, refuse_only_empty


def test_nothing_but_empty_cells_is_refused():
    with pytest.raises(
        ValueError, match=r"data set mine: every cell is empty \(all 3 x 2 counts are 0\)"
    ):
        refuse_only_empty(np.ones(3, dtype=bool), 2, "data set mine")


def test_duplicated_names_are_refused(as_raw):
    raw = as_raw(np.ones((3, 2), np.float32), modality="real")
    raw.obs_names = ["a", "b", "b"]

    with pytest.raises(
        ValueError, match=r"data set mine: 1 duplicated cell names \(obs_names\) \(first: b\)"
    ):
        pass_gate(raw)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["a", "a", "a"], ["the label has 1 class: scores against it say nothing"]),
        (["a", "b", None], ["1 of 3 cells have no label"]),
        (["a", "b", "a"], []),
    ],
)
def test_labels_that_can_tell_little_are_warned_of(labels, expected):
    assert (
        label_warnings(pd.DataFrame({"label": pd.Categorical(labels)}), "data set mine") == expected
    )


def test_a_file_of_another_origin_is_refused(as_raw):
    raw = as_raw(np.ones((3, 2), np.float32), modality="real")
    del raw.uns["latentbench"]

    with pytest.raises(ValueError, match="was not made by the rule download"):
        pass_gate(raw)
