import numpy as np
import pandas as pd
import pytest

from latentbench.artefacts import atomic_path, sha256_of, write_arrays, write_json, write_table


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text("old")

    def write_half():
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_finished_write_replaces_the_old_file_and_makes_its_folder(tmp_path):
    path = tmp_path / "new" / "value.json"
    for value in (1, 2):
        write_json({"value": value}, path)
    assert path.read_text() == '{\n  "value": 2\n}\n'
    assert list(path.parent.iterdir()) == [path]


def test_a_table_reads_back_with_its_missing_values(tmp_path):
    frame = pd.DataFrame({"metric": ["ari", "nmi"], "value": [0.1 + 0.2, None]})
    for name in ("t.tsv", "t.parquet"):
        write_table(frame, tmp_path / name)
    assert (tmp_path / "t.tsv").read_text() == "metric\tvalue\nari\t0.30000000000000004\nnmi\t\n"
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), frame)


def test_the_checksum_is_sha256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_arrays_read_back_and_the_same_ones_are_the_same_bytes(tmp_path):
    arrays = {"codes": np.arange(6.0).reshape(2, 3), "seed": np.array([4])}
    for name in ("first.npz", "second.npz"):
        write_arrays(arrays, tmp_path / name)
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()
    with np.load(tmp_path / "first.npz") as stored:
        assert set(stored.files) == set(arrays)
        np.testing.assert_array_equal(stored["codes"], arrays["codes"])
