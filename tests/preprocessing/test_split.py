import logging

import numpy as np
import pandas as pd
import pytest

from latentbench.preprocessing.split import split_cells


def obs(**columns) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Categorical(values) for name, values in columns.items()})


@pytest.mark.parametrize("test_fraction", [0.1, 0.2, 0.5])
@pytest.mark.parametrize("sizes", [(100, 50, 10), (7, 7, 7), (300, 2, 2)])
def test_every_class_gives_its_share_and_keeps_a_training_cell(test_fraction, sizes):
    labels = np.repeat(list("abc"), sizes)

    split, record = split_cells(obs(label=labels), test_fraction=test_fraction)

    is_test = split == "test"
    assert is_test.sum() == round(len(labels) * test_fraction)
    for name, size in zip("abc", sizes, strict=True):
        assert abs(is_test[labels == name].sum() - size * test_fraction) < 1
        assert not is_test[labels == name].all()
    assert record["by"] == "label"
    assert record["unstratified_classes"] == []


def test_the_seed_alone_decides():
    frame = obs(label=np.repeat(list("ab"), 50))

    assert (split_cells(frame, seed=3)[0] == split_cells(frame, seed=3)[0]).all()
    assert (split_cells(frame, seed=3)[0] != split_cells(frame, seed=4)[0]).any()


def test_classes_of_one_cell_and_missing_labels_are_drawn_together_and_recorded(caplog):
    labels = ["a"] * 40 + ["rare one", "rare two"] + [None] * 8

    with caplog.at_level(logging.WARNING, logger="latentbench"):
        split, record = split_cells(obs(label=labels))

    assert record["unstratified_classes"] == ["rare one", "rare two"]
    assert "rare one, rare two" in caplog.text
    assert (split[:40] == "test").sum() == 8
    assert (split[40:] == "test").sum() == 2


def test_without_labels_the_split_is_at_random_with_no_warning(caplog):
    split, record = split_cells(pd.DataFrame(index=range(50)), test_fraction=0.3)

    assert record["by"] == "none"
    assert (split == "test").sum() == 15
    assert not caplog.records


def test_whole_donors_are_held_out_near_the_fraction():
    donors = np.repeat([f"d{k}" for k in range(10)], 20)

    split, record = split_cells(obs(donor=donors, label=donors), by="donor")

    assert len(record["test_donors"]) == 2
    assert set(donors[split == "test"]) == set(record["test_donors"])
    assert not set(donors[split == "test"]) & set(donors[split == "train"])


def test_two_large_donors_still_leave_both_parts_a_donor_and_cells_of_none_are_for_training():
    donors = ["x"] * 60 + ["y"] * 40 + [None] * 5

    split, record = split_cells(obs(donor=donors), by="donor", test_fraction=0.1)

    assert record["test_donors"] == ["y"]
    assert (split == "test").sum() == 40
    assert (split[100:] == "train").all()


def test_asking_for_donors_that_are_not_there_falls_back_and_says_so(caplog):
    with caplog.at_level(logging.WARNING, logger="latentbench"):
        record = split_cells(obs(label=np.repeat(list("ab"), 20)), by="donor")[1]

    assert (record["asked_by"], record["by"]) == ("donor", "label")
    assert "splitting by label" in caplog.text


def test_a_part_without_cells_and_an_unknown_way_are_refused():
    with pytest.raises(ValueError, match="leaves 0 of 3 cells for testing"):
        split_cells(pd.DataFrame(index=range(3)), test_fraction=0.1)
    with pytest.raises(ValueError, match="by is 'batch'; say label, donor or none"):
        split_cells(pd.DataFrame(index=range(3)), by="batch")
