import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from latentbench.files.artefacts import (
    atomic_path,
    sha256_of,
    write_arrays,
    write_json,
    write_table,
)

SCRIPTS = Path(__file__).parents[2] / "workflow_scripts"


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
    assert (
        sha256_of(tmp_path / "abc")
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_arrays_read_back_and_the_same_ones_are_the_same_bytes(tmp_path):
    arrays = {"codes": np.arange(6.0).reshape(2, 3), "seed": np.array([4])}
    for name in ("first.npz", "second.npz"):
        write_arrays(arrays, tmp_path / name)
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()
    with np.load(tmp_path / "first.npz") as stored:
        assert set(stored.files) == set(arrays)
        np.testing.assert_array_equal(stored["codes"], arrays["codes"])


WRITE = """
import resource, sys
import anndata as ad, numpy as np, pandas as pd
from latentbench.files.artefacts import write_h5ad, write_table, write_text
if sys.argv[3:]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
values = np.random.default_rng(0).normal(size=(500, 500))
folder, kind = sys.argv[1:3]
try:
    if kind == "h5ad":
        write_h5ad(ad.AnnData(values), f"{folder}/value.h5ad")
    elif kind == "txt":
        write_text("x" * 10**6, f"{folder}/value.txt")
    else:
        write_table(pd.DataFrame(values).rename(columns=str), f"{folder}/value.{kind}")
except OSError as fault:
    print(fault, flush=True)
    # A library that still holds the file would write to it once more at the end.
    import os; os._exit(3)
"""
KINDS = ("h5ad", "parquet", "tsv", "txt")


def write_in(folder, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", WRITE, str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=SCRIPTS, check=False)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 200 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_is_a_sentence_with_a_remedy_and_leaves_nothing(small_disk, kind):
    run = write_in(small_disk, kind)
    assert run.returncode == 3, run.stderr
    assert "No space left on device: free some space" in run.stdout
    assert f"value.{kind}" in run.stdout
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_on_the_size_of_files_is_told_apart_from_a_full_disk(tmp_path, kind):
    run = write_in(tmp_path, kind, "100000")
    assert run.returncode == 3, run.stderr
    assert "raise it (ulimit -f)" in run.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_named(small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(
        OSError,
        match=r"cannot be written to: run the study elsewhere \(--directory\).*new/value.json",
    ):
        write_json({}, small_disk / "new" / "value.json")


def test_what_a_killed_process_left_is_deleted_by_the_next_one_that_writes_the_same_file(tmp_path):
    script = (
        "import os, signal, sys\nfrom latentbench.files.artefacts import atomic_path\nwith"
        " atomic_path(sys.argv[1]) as path:\n"
    )
    script += "    path.write_text('half')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    for name in ("a.json", "b.json"):
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / name)], cwd=SCRIPTS, check=False
        )
    assert len(list(tmp_path.iterdir())) == 2
    write_json({}, tmp_path / "a.json")
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left[1:] == ["a.json"]
    assert left[0].endswith(".b.json")
