"""Which library files a script runs, read from its imports: named as inputs by a workflow, so that
an edit reruns what it touches and nothing else.
"""

import re
from functools import cache
from pathlib import Path

PACKAGE = "latentbench"


def library_files(script: Path, *also: str, library: Path) -> list[str]:
    """Return the sorted paths of the library files that ``script`` imports, directly or through
    others.

    ``also`` names further modules (``"models.vae"``) that are imported by name at run time, or
    files of the user's own; ``library`` is the folder of the package."""
    found: set[Path] = set()
    waiting = [
        *_imports(script, library),
        *(
            Path(module) if module.endswith(".py") else _module_file(module.split("."), library)
            for module in also
        ),
    ]
    while waiting:
        path = waiting.pop()
        if path is not None and path not in found:
            found.add(path)
            waiting.extend(_imports(path, library))
    return sorted(str(path) for path in found)


def page_assets(library: Path) -> list[str]:
    """Return the sorted paths of what the report's page is made of besides code: templates, styles,
    scripts, citations, evidence.
    """
    kinds = {".j2", ".css", ".js", ".bib", ".tsv"}
    return sorted(str(path) for path in (library / "report").rglob("*") if path.suffix in kinds)


def modules_in(package: str, library: Path) -> list[str]:
    """Return the modules of a folder of the library (``"report.sections"``) whose files are found
    by looking into it, and not imported by name.
    """
    folder = library.joinpath(*package.split("."))
    return [f"{package}.{path.stem}" for path in sorted(folder.glob("[a-z]*.py"))]


# A logical line with ``import`` in it, to its end or to that of its parentheses.
_GAP = r"(?:[ \t]|\\\n)"
_IMPORT = re.compile(
    rf"\b(?:from{_GAP}+(?P<module>[\w.]+){_GAP}+)?import\b{_GAP}*"
    r"(?P<names>\([^)]*\)|(?:\\\n|[^\n])*)"
)


@cache
def _imports(path: Path, library: Path) -> list[Path]:
    """Return what a file imports of the library, and at most more: what its texts speak of.

    Found by a pattern, since parsing three hundred files adds a second to Snakemake's start."""
    files = []
    for found in _IMPORT.finditer(path.read_text(encoding="utf-8")):
        names = re.findall(r"[\w.]+", found["names"])
        module = found["module"]
        for name in [module, *(f"{module}.{name}" for name in names)] if module else names:
            package, *parts = name.split(".")
            if package == PACKAGE:
                # Importing a.b.c runs the __init__ of a and of a.b as well.
                files.extend(
                    _module_file(parts[:depth], library) for depth in range(len(parts) + 1)
                )
    return [file for file in files if file is not None]


def _module_file(parts: list[str], library: Path) -> Path | None:
    base = library.joinpath(*parts)
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None
