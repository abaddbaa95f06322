import json
from pathlib import Path

import pytest

from latentbench.report.results import Results


def test_only_the_files_that_are_named_belong_to_the_study(results, study_folder):
    (study_folder / "tables/of_another_study.parquet").touch()
    assert not results.has("tables/of_another_study.parquet")
    assert results.table_if_any("of_another_study") is None
    assert Results(["elsewhere/tables/scores.parquet"]).paths("tables/*") == []


def test_a_file_is_read_when_it_is_asked_for_and_once(study_folder):
    results = Results(
        [study_folder / "tables/status.parquet", study_folder / "tables/gone.parquet"],
        root=study_folder,
    )
    assert results.table("status") is results.table("status")
    with pytest.raises(FileNotFoundError):
        results.table("gone")


def test_figures_are_found_by_folder_and_name():
    paths = ["r/figures/scores.svg", "r/figures/a.b/scores.svg", "r/figures/a.b/scores.png"]
    results = Results(paths, root="r")
    assert results.figures() == {"scores": Path("r/figures/scores.svg")}
    assert results.figures("a.b") == {"scores": Path("r/figures/a.b/scores.svg")}
    assert results.figures("a.b", ".png") == {"scores": Path("r/figures/a.b/scores.png")}


def test_versions_that_differ_between_jobs_are_all_named(tmp_path):
    paths = [tmp_path / f"models/blobs/{i}/status.json" for i in range(3)]
    for path, version in zip(paths, ("2.13.0", "2.12.0", "2.13.0"), strict=True):
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"versions": {"torch": version}}))
    assert Results(paths, root=tmp_path).versions == {"torch": "2.12.0 and 2.13.0"}


def test_licence_citation_and_origin_are_those_of_the_data_sheet(results):
    assert results.origin("blobs") == {
        "name": "blobs",
        "source": "builtin:blobs",
        "licence": "MIT",
        "citation": "made up for the tests",
        "origin": "a test",
    }
