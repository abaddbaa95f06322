import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from matplotlib.figure import Figure

from latentbench.figures.style import save
from latentbench.report.notebook import rendered, run_of_results, without_times

TEMPLATE = Path(__file__).parents[2] / "workflow_scripts" / "notebooks" / "dataset.ipynb"


@pytest.fixture(scope="module")
def run(study_folder, tmp_path_factory):
    """The folder of the notebook of a data set, run on a copy of the study."""
    folder = tmp_path_factory.mktemp("notebook")
    root = folder / "results"
    shutil.copytree(study_folder, root)
    for name in ("scores", "maps", "losses", "confusion", "usage"):
        path = root / f"figures/digits/{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        save(Figure(figsize=(2, 1)), [path])
    paths = [path for path in sorted(root.rglob("*")) if path.is_file()]
    inputs = [str(path.relative_to(folder)) for path in paths]
    before = os.getcwd()
    os.chdir(folder)
    try:
        run_of_results(
            Inputs([*inputs, TEMPLATE]),
            SimpleNamespace(notebook="results/notebooks/n.ipynb", html="results/notebooks/n.html"),
            {"dataset": "digits", "sheet": {"digits": {"licence": "CC <0>"}}},
            title="digits",
        )
    finally:
        os.chdir(before)
    return root / "notebooks"


class Inputs(list):
    """A rule's inputs: a list in which the notebook has a name."""

    notebook = TEMPLATE


def test_the_notebook_runs_on_another_data_set_and_every_cell_shows_something(run):
    notebook = nbformat.read(run / "n.ipynb", as_version=4)
    shown = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code"
        and not set(cell.metadata.get("tags", [])) & {"parameters", "injected-parameters"}
    ]
    assert len(shown) >= 7
    assert all(cell.outputs for cell in shown)
    assert {output.output_type for cell in shown for output in cell.outputs} <= {
        "display_data",
        "execute_result",
    }


def test_the_rendered_page_hides_the_code_and_asks_nothing_of_the_network(run):
    page = (run / "n.html").read_text()
    assert "read_material" not in page
    assert "gmvae_dirichlet" in page
    assert 'src="http' not in page
    assert "cdnjs" not in page


def test_the_executed_notebook_carries_no_times_and_no_paths_of_the_machine(run):
    text = (run / "n.ipynb").read_text()
    assert "start_time" not in text
    assert str(run) not in text
    assert os.path.expanduser("~") + "/" not in text


def test_the_committed_notebook_has_no_outputs_and_tagged_parameters():
    notebook = nbformat.read(TEMPLATE, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert code[0].metadata.tags == ["parameters"]


def test_times_are_dropped():
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("1")], metadata={"papermill": {"start_time": "now"}}
    )
    notebook.cells[0].metadata["papermill"] = {"duration": 1.0}
    assert "papermill" not in str(without_times(notebook))
    assert "<html" in rendered(notebook, title="t")
