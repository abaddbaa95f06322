import os
from pathlib import Path

import nbformat
import pytest

from latentbench.report.notebook import rendered, run_notebook, without_times
from latentbench.report.tables import STUDY_TABLES

TEMPLATE = Path(__file__).parents[2] / "workflow_scripts" / "notebooks" / "dataset.ipynb"


@pytest.fixture(scope="module")
def run(study_folder, made_up):
    dataset, before = "digits", os.getcwd()
    tables = {name: f"results/tables/{name}.parquet" for name in STUDY_TABLES}
    clusters = {
        model: f"results/clusters/{dataset}/{model}.parquet"
        for name, model in made_up.pairs
        if name == dataset
    }
    paths = {
        "maps": f"results/maps/{dataset}.parquet",
        "prepared": f"results/data/{dataset}/prepared.h5ad",
    }
    os.chdir(study_folder.parent)
    try:
        run_notebook(
            TEMPLATE,
            "n.ipynb",
            "n.html",
            {"dataset": dataset, "clusters": clusters, "tables": tables, **paths},
            title=dataset,
        )
    finally:
        os.chdir(before)
    return study_folder.parent


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
