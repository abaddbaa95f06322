r"""BibTeX, as far as the report needs it: entries in, entries and sentences out.

An entry is ``@type{key,``, a line ``name = {value},`` for each field, and ``}``. Values hold no
line break; accents are written ``{\'e}``."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

ENTRY = re.compile(r"@(\w+)\{([^,\s{}]+),\n(.*?)\n\}", re.DOTALL)
FIELD = re.compile(r"  (\w+) = \{(.*)\},")
ACCENTS = {r"{\'e}": "é", r"{\"e}": "ë", r"{\"o}": "ö", r"{\"u}": "ü", r"{\v s}": "š"}
SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "{}%&#_$"},
}


@dataclass(frozen=True)
class Reference:
    """One entry: its type, its key, its fields in order."""

    kind: str
    key: str
    fields: dict[str, str]


def parse_bib(text: str) -> dict[str, Reference]:
    """Return the entries of a BibTeX text by key.

    Raises:
        ValueError: what is left beside the entries, a line that is no field, or a key that is there
        twice.
    """
    found: dict[str, Reference] = {}
    for kind, key, body in ENTRY.findall(text):
        fields = [FIELD.fullmatch(line) for line in body.splitlines()]
        if None in fields:
            raise ValueError(
                f"BibTeX: {key}: '{body.splitlines()[fields.index(None)]}' is no field; write ' "
                " name = {value},'"
            )
        if key in found:
            raise ValueError(
                f"BibTeX: {key}: there are two entries of this key; give one of them another"
            )
        found[key] = Reference(kind, key, {match[1]: match[2] for match in fields if match})
    if left := ENTRY.sub("", text).strip():
        raise ValueError(
            f"BibTeX: '{left.splitlines()[0]}' belongs to no entry; close every entry with a brace"
            " on a line of its own"
        )
    return found


def as_bib(references: Iterable[Reference]) -> str:
    """Return entries as BibTeX."""
    blocks = []
    for reference in references:
        fields = "".join(f"  {name} = {{{value}}},\n" for name, value in reference.fields.items())
        blocks.append(f"@{reference.kind}{{{reference.key},\n{fields}}}\n")
    return "\n".join(blocks)


def literal(text: str) -> str:
    """Return any text as a value: on one line, with what BibTeX and LaTeX would read as commands
    escaped.
    """
    return "".join(SPECIAL.get(letter, letter) for letter in " ".join(text.split()))


def short_name(reference: Reference) -> str:
    """Return how a text calls an entry: "Hubert and Arabie 1985", "Luecken et al. 2022"."""
    names = [_plain(author.split(",")[0]) for author in reference.fields["author"].split(" and ")]
    who = (
        names[0]
        if len(names) == 1
        else (
            f"{names[0]} and {names[1]}"
            if len(names) == 2 and names[1] != "others"
            else f"{names[0]} et al."
        )
    )
    return f"{who} {reference.fields['year']}"


def sentence(reference: Reference) -> str:
    """Return an entry as one line of a list of references."""
    fields = {name: _plain(value) for name, value in reference.fields.items()}
    where = ", ".join(
        fields[name]
        for name in ("journal", "booktitle", "publisher", "school", "volume", "pages")
        if name in fields
    )
    address = (
        f"doi:{fields['doi']}"
        if "doi" in fields
        else f"arXiv:{fields['eprint']}"
        if "eprint" in fields
        else fields.get("note", "")
    )
    who = f"{_authors(fields['author'])} ({fields['year']}). " if "author" in fields else ""
    return (
        who
        + ". ".join(part for part in (fields["title"].rstrip("."), where, address) if part)
        + "."
    )


def _authors(text: str) -> str:
    names = text.split(" and ")
    return ", ".join(
        [
            "et al." if name == "others" else name
            for name in (names if len(names) <= 4 else [*names[:3], "others"])
        ]
    ).replace(", et", " et")


def _plain(value: str) -> str:
    for coded, letter in ACCENTS.items():
        value = value.replace(coded, letter)
    for letter, coded in SPECIAL.items():
        value = value.replace(coded, letter)
    return value.replace("--", "–")
