"""No module of the library imports one that imports it."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

LIBRARY = Path(__file__).parents[1] / "workflow_scripts/latentbench"


def module_of(path: Path) -> str:
    parts = path.relative_to(LIBRARY.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in LIBRARY.rglob("*.py")}


def imported_by(path: Path) -> set[str]:
    """Modules that are loaded when a module is; imports inside functions and of types alone are
    not.
    """
    named: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            named |= {
                full if (full := f"{node.module}.{alias.name}") in MODULES else node.module
                for alias in node.names
            }
    return (named & MODULES.keys()) - {module_of(path)}


def test_the_import_graph_has_no_circle():
    order = TopologicalSorter({name: imported_by(path) for name, path in MODULES.items()})
    order.prepare()
