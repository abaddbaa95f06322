import base64
import gzip

import numpy as np
import pytest

from latentbench.report.explorer.explorer_file import (
    STEPS,
    Explored,
    packed,
    quantise,
    read_explored,
    restore,
    thin,
    write_explored,
)


@pytest.fixture
def explored():
    random = np.random.default_rng(0)
    arrays = {
        "pca/vae/0": random.integers(0, 65535, (2, 200)).astype(np.uint16),
        "obs/label": random.integers(0, 3, 200).astype(np.uint16),
    }
    about = {
        "dataset": "blobs",
        "n_obs": 500,
        "cells": [f"cell{i}" for i in range(200)],
        "views": [{"model": "vae", "seed": 0}],
        "note": "é",
    }
    return Explored(arrays, about)


@pytest.mark.parametrize("into", [np.uint8, np.uint16])
def test_quantised_values_give_back_the_originals_within_half_a_step(into):
    values = np.random.default_rng(1).normal([[0.0], [1e4]], [[1.0], [1e-3]], (2, 5000))
    steps, low, high = quantise(values, into)
    half = (np.array(high) - np.array(low)) / STEPS[np.dtype(into)] / 2
    assert steps.dtype == into
    assert (np.abs(restore(steps, low, high) - values) <= half[:, None] * (1 + 1e-9)).all()
    assert (steps.min(axis=1) == 0).all()
    assert (steps.max(axis=1) == STEPS[np.dtype(into)]).all()


def test_values_that_are_all_alike_come_back_as_they_are():
    steps, low, high = quantise(np.full((1, 4), 2.5), np.uint8)
    assert restore(steps, low, high).tolist() == [[2.5] * 4]


def test_a_file_gives_back_what_was_written_and_twice_the_same_bytes(explored, tmp_path):
    for name in ("a", "b"):
        write_explored(explored, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    found = read_explored(tmp_path / "a")
    assert found.about == explored.about
    assert {name: array.tolist() for name, array in found.arrays.items()} == {
        name: array.tolist() for name, array in explored.arrays.items()
    }


def test_what_is_packed_unpacks_and_carries_no_date():
    assert gzip.decompress(base64.b64decode(packed(b"cells" * 100))) == b"cells" * 100
    assert packed(b"cells") == packed(b"cells")
    assert base64.b64decode(packed(b"cells"))[4:8] == bytes(4)


def test_a_budget_that_holds_everything_changes_nothing(explored):
    assert thin(explored, max_bytes=10_000, seed=0) is explored


def test_a_small_budget_keeps_the_same_cells_in_every_array(explored):
    thinned = thin(explored, max_bytes=1500, seed=0)
    assert 10 < thinned.n_cells < 200
    kept = [int(cell.removeprefix("cell")) for cell in thinned.about["cells"]]
    for name, array in explored.arrays.items():
        assert thinned.arrays[name].tolist() == array[..., kept].tolist()
    assert (
        sum(array.nbytes for array in thinned.arrays.values()) + len(str(thinned.about))
        < 1.1 * 1500
    )


def test_a_budget_without_room_for_ten_cells_is_refused(explored):
    with pytest.raises(ValueError, match="max_megabytes leaves blobs"):
        thin(explored, max_bytes=200, seed=0)
