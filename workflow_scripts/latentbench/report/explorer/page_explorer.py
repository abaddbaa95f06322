"""What the page holds of the explorer: the drawing library and every data set, packed as text until
someone opens it.

Bokeh (https://bokeh.org, BSD-3-Clause) draws: of the libraries whose scripts come with their Python
package it is the smallest, and it draws on a plain canvas, with every tenth point while one moves.
It needs neither WebGL nor the evaluation of text as code, so the page's content policy stays as
strict as it was."""

from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from latentbench.report.explorer.explorer_file import packed, read_explored

HERE = Path(__file__).parent
SCRIPTS = ("bokeh", "bokeh-api")
PARTS = ("explorer_data", "explorer_plot", "explorer")


def packed_library() -> str:
    """Return Bokeh's scripts as one packed text."""
    package = distribution("bokeh")
    return packed(
        b"\n".join(
            Path(str(package.locate_file(f"bokeh/server/static/js/{name}.min.js"))).read_bytes()
            for name in SCRIPTS
        )
    )


def script() -> str:
    """Return the explorer's own script: its parts in a scope of their own."""
    parts = "\n".join((HERE / f"{name}.js").read_text(encoding="utf-8") for name in PARTS)
    return f"(() => {{\n{parts}}})();\n"


def explorer_view(paths: Iterable[str | Path]) -> dict[str, Any]:
    """Return what the template needs of the explorer's files: ``explored`` (one entry each data set
    that has an embedding), ``library``, ``megabytes``.
    """
    explored = [_entry(Path(path)) for path in paths]
    explored = [entry for entry in explored if entry["n_views"]]
    library = packed_library() if explored else ""
    return {
        "explored": explored,
        "library": library,
        "megabytes": (len(library) + sum(len(entry["packed"]) for entry in explored)) / 1e6,
    }


def _entry(path: Path) -> dict[str, Any]:
    explored = read_explored(path)
    about = explored.about
    return {
        **{"name": about["dataset"], "n_obs": about["n_obs"], "n_cells": explored.n_cells},
        **{
            "n_views": len(about["views"]),
            "chosen": about["chosen"],
            "packed": packed(path.read_bytes()),
        },
    }
