import shutil
from importlib import metadata

import numpy as np
import pytest
from anndata import AnnData

from latentbench.commands import doctor
from latentbench.commands.doctor import (
    Finding,
    State,
    check_data,
    check_device,
    check_disk,
    check_environment,
    check_scheduler,
    report,
)

ROW = dict.fromkeys(
    [
        "label",
        "batch",
        "condition",
        "donor",
        "n_clusters",
        "orientation",
        "layer",
        "annotation",
        "licence",
        "citation",
        "origin",
    ]
)
ROW |= {"dataset": "mine", "modality": "counts", "sha256": [], "preset": "counts_raw"}


def data(source, tmp_path, **row):
    return check_data(ROW | {"sources": [str(source)]} | row, mirror=None, cache=tmp_path / "cache")


def test_good_data_is_read_and_bad_data_named_with_its_cell(tmp_path):
    AnnData(np.ones((3, 2))).write_h5ad(tmp_path / "good.h5ad")
    AnnData(np.full((3, 2), 0.5)).write_h5ad(tmp_path / "bad.h5ad")
    good, bad = (data(tmp_path / name, tmp_path) for name in ("good.h5ad", "bad.h5ad"))
    assert (good.state, good.sentence) == (State.OK, f"3 x 2 counts from {tmp_path / 'good.h5ad'}")
    assert bad.state is State.FAIL
    assert "bad.h5ad: non-integer values in 6 of 6" in bad.sentence


def test_a_missing_file_fails_and_a_download_is_no_matter_of_seconds(tmp_path):
    assert data(tmp_path / "nowhere.h5ad", tmp_path).state is State.FAIL
    remote = data("https://host/a.h5ad", tmp_path, sha256=["0" * 64])
    assert remote.state is State.NOTE
    assert "https://host/a.h5ad" in remote.sentence


def test_a_large_file_is_left_for_the_study(tmp_path, monkeypatch):
    (tmp_path / "large.h5ad").write_bytes(bytes(2000))
    monkeypatch.setattr(doctor, "LARGE_GB", 1e-6)
    assert data(tmp_path / "large.h5ad", tmp_path).state is State.NOTE


def test_labels_that_tell_little_are_noted(tmp_path):
    cells = AnnData(np.ones((3, 2)))
    cells.obs["kind"] = "T"
    cells.write_h5ad(tmp_path / "one.h5ad")
    found = data(tmp_path / "one.h5ad", tmp_path, label="kind")
    assert found.state is State.NOTE
    assert "the label has 1 class" in found.sentence


@pytest.fixture
def project(tmp_path):
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\nrequires-python = ">=3.11,<3.14"\n')
    return path


def test_the_environment_is_compared_with_the_lock(project, tmp_path):
    lock, torch = tmp_path / "requirements.lock", tmp_path / "requirements-torch.txt"
    numpy = metadata.version("numpy")
    lock.write_text(
        f"# a comment\nnumpy=={numpy} ; python_version >= '3' \\\n    --hash=sha256:00 \\\n"
        "    --hash=sha256:01\n    # via scanpy==1\nwinnow==1.0 ; sys_platform == 'win32' \\\n"
    )
    torch.write_text(f"torch=={metadata.version('torch').split('+')[0]}\n")
    found = check_environment(project, lock, torch)
    assert found.state is State.OK
    assert "all 2 packages of requirements.lock and requirements-torch.txt" in found.sentence
    lock.write_text("numpy==1.0\nno-such-package==2.0\n")
    found = check_environment(project, lock, torch)
    assert found.state is State.FAIL
    assert f"numpy {numpy} (locked: 1.0)" in found.sentence
    assert "no-such-package is not installed" in found.sentence


def test_a_python_outside_the_range_of_the_project_is_named(project):
    project.write_text('[project]\nrequires-python = "<3.11"\n')
    found = check_environment(project)
    assert found.state is State.FAIL
    assert "<3.11 is wanted" in found.sentence


@pytest.mark.parametrize(
    ("free", "state"), [(0.5, State.FAIL), (3.0, State.NOTE), (50.0, State.OK)]
)
def test_the_disk_is_measured_where_the_results_will_lie(free, state, tmp_path, monkeypatch):
    asked = []
    usage = type(shutil.disk_usage(tmp_path))(1, 1, int(free * 1e9))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: asked.append(path) or usage)
    assert check_disk(tmp_path / "not" / "yet").state is state
    assert asked == [tmp_path]


def command(monkeypatch, tmp_path, name: str, script: str) -> None:
    (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


def test_a_card_that_torch_cannot_use_is_noted(monkeypatch, tmp_path):
    command(monkeypatch, tmp_path, "nvidia-smi", "echo 'NVIDIA H200, 143771 MiB'")
    monkeypatch.setattr(metadata, "version", lambda name: "2.13.0+cpu")
    found = check_device()
    assert found.state is State.NOTE
    assert "NVIDIA H200" in found.sentence
    monkeypatch.setattr(metadata, "version", lambda name: "2.13.0")
    assert check_device().state is State.OK


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo cpu; echo gpu", "partitions cpu, gpu"),
        ("exit 1", "gets no answer"),
        ("sleep 9", "gets no answer"),
    ],
    ids=["up", "down", "hangs"],
)
def test_a_cluster_is_asked_and_may_be_silent(script, sentence, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "COMMAND_SECONDS", 0.5)
    monkeypatch.setattr(doctor, "_version", lambda name: "2.8.0")
    command(monkeypatch, tmp_path, "sinfo", script)
    assert sentence in check_scheduler().sentence


def test_one_failure_fails_the_whole_and_notes_do_not():
    fine, noted, failed = (Finding("disk", state, "said") for state in State)
    assert report([fine, noted]) == (
        "ok    disk: said\nnote  disk: said\nAll 2 checks passed; nothing was trained.",
        True,
    )
    text, is_fit = report([fine, failed])
    assert not is_fit
    assert text.endswith("FAIL  disk: said\n1 of 2 checks failed.")
