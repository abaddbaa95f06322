import os
import signal

import h5py
import numpy as np
import pytest

from latentbench.data import trial
from latentbench.data.sources import fetch
from latentbench.data.trial import read_everything, refuse_what_kills_its_reader
from latentbench.files.artefacts import sha256_of


def dying_by(end: signal.Signals):
    return lambda path: os.kill(os.getpid(), end)


def computing_without_end(path):
    while True:
        pass


@pytest.mark.parametrize("end", [signal.SIGSEGV, signal.SIGABRT])
def test_a_file_over_which_the_library_dies_is_refused_by_name(end, tmp_path, monkeypatch):
    (path := tmp_path / "mine.h5ad").write_bytes(b"damaged")
    monkeypatch.setattr(trial, "read_everything", dying_by(end))

    with pytest.raises(
        ValueError,
        match=(
            rf"mine.h5ad: the HDF5 library dies over it \({end.name}\): it is damaged; get it again"
        ),
    ):
        refuse_what_kills_its_reader(path)


def test_a_file_in_which_the_library_finds_no_end_is_refused_by_name(tmp_path, monkeypatch):
    (path := tmp_path / "mine.h5ad").write_bytes(b"damaged")
    monkeypatch.setattr(trial, "read_everything", computing_without_end)
    monkeypatch.setattr(trial, "FEWEST_SECONDS", 1)

    with pytest.raises(ValueError, match=r"mine.h5ad: the HDF5 library finds no end in it"):
        refuse_what_kills_its_reader(path)


def test_what_the_library_reports_and_what_ends_for_want_of_memory_is_left_to_the_reader(
    tmp_path, monkeypatch
):
    (path := tmp_path / "mine.h5ad").write_bytes(b"no HDF5 file")
    refuse_what_kills_its_reader(path)

    monkeypatch.setattr(trial, "read_everything", dying_by(signal.SIGKILL))
    refuse_what_kills_its_reader(path)


def test_every_value_and_every_attribute_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "VALUES_PER_READ", 10)
    with h5py.File(tmp_path / "mine.h5ad", "w") as file:
        for name, values in {
            "a/scalar": 1.0,
            "a/long": np.arange(25),
            "wide": np.ones((3, 40)),
            "nothing": h5py.Empty("f"),
            "none": np.ones((0, 4)),
        }.items():
            file.create_dataset(name, data=values).attrs["unit"] = "one"
    counted = {}
    of_values, of_attributes = h5py.Dataset.__getitem__, h5py.AttributeManager.__getitem__

    def values(self, place):
        counted[self.name] = counted.get(self.name, 0) + np.size(of_values(self, place))
        return of_values(self, place)

    def attributes(self, name):
        counted["attributes"] = counted.get("attributes", 0) + 1
        return of_attributes(self, name)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", values)
    monkeypatch.setattr(h5py.AttributeManager, "__getitem__", attributes)
    read_everything(tmp_path / "mine.h5ad")
    assert counted == {"/a/scalar": 1, "/a/long": 25, "/wide": 120, "attributes": 5}


def test_a_source_over_which_the_library_dies_falls_through_to_the_next(
    row, cells, tmp_path, monkeypatch
):
    cells.write_h5ad(tmp_path / "mine.h5ad")
    row["sources"] = [str(tmp_path / "mine.h5ad"), "simulate:counts"]
    monkeypatch.setattr(trial, "read_everything", dying_by(signal.SIGSEGV))

    raw = fetch(row, cache=tmp_path)

    assert raw.n_obs == 600
    assert "the HDF5 library dies over it (SIGSEGV)" in raw.uns["latentbench"]["tried"][0]


def test_a_file_whose_checksum_is_the_sheets_is_not_tried(row, cells, tmp_path, monkeypatch):
    cells.write_h5ad(tmp_path / "mine.h5ad")
    row |= {"sources": [str(tmp_path / "mine.h5ad")], "sha256": [sha256_of(tmp_path / "mine.h5ad")]}
    monkeypatch.setattr(trial, "read_everything", dying_by(signal.SIGSEGV))

    assert fetch(row, cache=tmp_path).n_obs == 4
