"""The tutorial runs from its first cell to its last, and shows what it says."""

from pathlib import Path

import nbformat

from latentbench.report.notebook import run_notebook

NOTEBOOK = Path(__file__).parents[1] / "docs/tutorial.ipynb"


def test_the_tutorial_goes_from_a_file_to_groups_and_their_certainty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_notebook(NOTEBOOK, tmp_path / "run.ipynb", tmp_path / "run.html", {}, title="Tutorial")
    outputs = [
        output
        for cell in nbformat.read(tmp_path / "run.ipynb", as_version=4).cells
        for output in cell.get("outputs", [])
    ]
    texts = "".join(output.get("data", {}).get("text/plain", "") for output in outputs)
    assert "of the cells are placed with certainty" in texts
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2


def test_it_is_committed_without_outputs():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert all(not cell.get("outputs") for cell in cells)
