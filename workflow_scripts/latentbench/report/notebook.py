"""Running a parametrised notebook and rendering it for people who do not read code."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
import papermill
from latex2mathml.converter import convert
from nbconvert import HTMLExporter

import latentbench
from latentbench.files.artefacts import atomic_path, write_text

EQUATION = re.compile(r"\$\$(?P<block>.+?)\$\$|\$(?P<inline>[^$\n]+?)\$", re.DOTALL)


def run_of_results(inputs: Any, outputs: Any, parameters: Mapping[str, Any], *, title: str) -> None:
    """Run ``inputs.notebook`` on the other inputs, as far as they are files of the study, into
    ``outputs.notebook`` and ``outputs.html``.
    """
    root = Path(outputs.html).parents[1]
    files = [str(path) for path in inputs if Path(path).is_relative_to(root)]
    parameters = {**parameters, "files": files, "root": str(root)}
    run_notebook(inputs.notebook, outputs.notebook, outputs.html, parameters, title=title)


def run_notebook(
    template: str | Path,
    notebook_path: str | Path,
    html_path: str | Path,
    parameters: Mapping[str, Any],
    *,
    title: str,
) -> None:
    """Run ``template`` with ``parameters`` in the working directory; write the notebook with its
    outputs, and a page without the code.

    Raises papermill's error with the cell's traceback if a cell fails.
    """
    with _library_on_path(), atomic_path(notebook_path) as temporary:
        papermill.execute_notebook(
            str(template),
            str(temporary),
            parameters=dict(parameters),
            kernel_name="python3",
            cwd=os.getcwd(),
            progress_bar=False,
            log_output=False,
        )
        notebook = without_times(nbformat.read(temporary, as_version=4))
        nbformat.write(notebook, temporary)
    write_text(rendered(notebook, title=title), html_path)


def without_times(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop what differs between two runs of the same notebook: times, durations, paths of the
    run.
    """
    notebook.metadata.pop("papermill", None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    for i, cell in enumerate(notebook.cells):
        cell.id = f"cell-{i:02d}"
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
    return notebook


def rendered(notebook: nbformat.NotebookNode, *, title: str) -> str:
    """Return the notebook as one HTML page, code hidden, that asks nothing of the network; its
    equations are MathML, which browsers draw by themselves.
    """
    exporter = HTMLExporter(
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        mathjax_url="",
        require_js_url="",
        jquery_url="",
        mermaid_js_url="",
        mermaid_layout_elk_js_url="",
    )
    body, _ = exporter.from_notebook_node(
        with_mathml(notebook), resources={"metadata": {"name": title}}
    )
    return body


def with_mathml(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a copy in which the LaTeX of text cells, between one or two dollar signs, is
    MathML.
    """
    converted = deepcopy(notebook)
    for cell in converted.cells:
        if cell.cell_type == "markdown":
            cell.source = EQUATION.sub(
                lambda found: convert(
                    found["block"] or found["inline"],
                    display="block" if found["block"] else "inline",
                ),
                cell.source,
            )
    return converted


@contextmanager
def _library_on_path() -> Iterator[None]:
    """The kernel is a process of its own; it finds the library where this one found it."""
    before = os.environ.get("PYTHONPATH")
    folder = str(Path(latentbench.__file__).parents[1])
    os.environ["PYTHONPATH"] = os.pathsep.join([folder, before]) if before else folder
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
