"""Looking up what every figure of the report is called and says (figure_records.py): for the page,
its figure browser, the chapters and the workflow.
"""

from collections.abc import Mapping

from latentbench.figures.figure_records import CAPTIONS, PLATE, Caption, Scope

__all__ = ["CAPTIONS", "PLATE", "Caption", "Scope", "caption_of", "described", "names_of"]


def caption_of(name: str, scope: Scope) -> Caption:
    """Return the record of a figure.

    Raises:
        ValueError: there is none.
    """
    for record in CAPTIONS:
        if (record.name, record.scope) == (name, scope):
            return record
    raise ValueError(
        f"figure '{name}' of a {scope} has no caption; add its record to figures/figure_records.py"
    )


def names_of(scope: Scope) -> list[str]:
    """Return the names of the figures of the study or of a data set, in the order of the page."""
    return [record.name for record in CAPTIONS if record.scope == scope]


def described(record: Caption, *, stem: str, **facts: str) -> dict[str, str]:
    """Return what the page says of one figure: its record with ``facts`` filled in; ``stem``: its
    files under figures/, without suffix.
    """
    texts = {key: _filled(getattr(record, key), facts) for key in ("title", "caption", "table")}
    plain = {
        key: getattr(record, key) or "" for key in ("name", "scope", "short", "section", "least")
    }
    identifier = "figure-" + "".join(
        letter if letter.isalnum() and letter.isascii() else "-" for letter in stem
    )
    return {**texts, **plain, "kind": facts.get("kind", ""), "stem": stem, "id": identifier}


def _filled(text: str, facts: Mapping[str, str]) -> str:
    for name, value in facts.items():
        text = text.replace(f"{{{name}}}", value)
    return text
