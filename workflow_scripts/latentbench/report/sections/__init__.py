"""The sections of the report: one module and one template each.

A module here defines ``SECTION``: its place in the page, its title in the navigation, and ``view``,
a function of the study's results that returns what its template (the module's name with
``.html.j2``) needs, or None where the study has nothing of it; the section is then left out.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from latentbench.report.results import Results

View = Callable[[Results], dict[str, Any] | None]


@dataclass(frozen=True)
class Section:
    """A section: ``place`` orders the page, ``heading`` is its title where that is longer than in
    the navigation.
    """

    place: int
    title: str
    view: View
    heading: str = ""
    name: str = field(default="", compare=False)


def all_sections() -> list[Section]:
    """Return every section of this folder, in the order of the page."""
    found = [
        Section(**{**vars(import_module(f"{__name__}.{name}").SECTION), "name": name})
        for name in section_names()
    ]
    return sorted(found, key=lambda section: (section.place, section.name))


def section_names() -> list[str]:
    """Return the names of the modules of this folder."""
    return sorted(
        path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__"
    )
