"""The table of rules in docs/architecture.md: what each runs for comes from plan.py, what it reads
and writes from the rules' own files.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from latentbench.files.artefacts import write_text
from latentbench.plan import STEPS, Step

BEGIN = "<!-- The table of rules: written by `make reference` from plan.py and rules/ -->"
END = "<!-- End of the table of rules -->"
HEADER = ["rule", "once for each", "where", "reads what is made by", "writes", "elsewhere"]


_FIGURES = {
    "study": "figures/*(.pdf .svg .png .rst)",
    "dataset": "figures/{dataset}/*(.pdf .svg .png .rst)",
    "kind": "figures/plates/*(.pdf .svg .png .rst)",
    "thesis": "figures/thesis/*(.pdf .svg .png .rst)",
}


@dataclass(frozen=True)
class Written:
    """What a rule's own text says: the rules whose files it reads, the files that it writes."""

    reads: tuple[str, ...]
    writes: tuple[str, ...]


def with_table(page: str, rules: Path) -> str:
    """Return the page with its table of rules made anew; ``rules``: the folder of .smk files.

    Raises:
        ValueError: the page lacks the two lines between which the table stands.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"docs/architecture.md: the lines {BEGIN} and {END} must be there once")
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table_of_rules(rules)}\n\n{END}{rest.split(END)[1]}"


def table_of_rules(rules: Path) -> str:
    """Return a line a rule, in the order of the flow."""
    written = read_rules(rules)
    drawing = Written(("what figures/catalogue.py says of each",), ())
    rows = [HEADER, ["---"] * len(HEADER)]
    rows += [_row(step, drawing if step.figures else written[step.rule]) for step in STEPS]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def read_rules(folder: Path) -> Mapping[str, Written]:
    """Return what every rule of a folder of .smk files reads and writes, by its name."""
    found = {}
    for path in sorted(folder.glob("*.smk")):
        for name, body in re.findall(
            r"^rule (\w+):\n(.*?)(?=^\S|\Z)", path.read_text(encoding="utf-8"), re.M | re.S
        ):
            given, made = _directive(body, "input"), _directive(body, "output")
            reads = re.findall(r"\brules\.(\w+)\.|\bof_another\(\s*\"(\w+)\"", given)
            others = ["collect"] if "**TABLES" in given else []
            others += ["all that draw"] if "drawn(" in given else []
            others += ["every rule above"] if "artefacts" in given else []
            found[name] = Written(
                tuple(dict.fromkeys([*others, *(a or b for a, b in reads)])),
                tuple(_paths(made)),
            )
    return found


def _directive(body: str, name: str) -> str:
    """Return the text of one directive of a rule as snakefmt lays it out."""
    match = re.search(rf"^    {name}:\n((?:        .*\n|\n)*)", body, re.M)
    return match[1] if match else ""


def _paths(text: str) -> list[str]:
    """Return the paths of an output, relative to results/, those that differ in their suffix
    alone together.
    """
    together: dict[str, list[str]] = {}
    for stem, suffixes in re.findall(r'multiext\(\s*"results/([^"]+)",\s*([^)]*)\)', text):
        together.setdefault(stem, []).extend(re.findall(r'"(\.\w+)"', suffixes))
    for path in re.findall(r'"results/([^"]+)"', text):
        stem, dot, suffix = path.rpartition(".")
        if dot:
            together.setdefault(stem, []).append(f".{suffix}")
    return [
        f"{stem}{suffixes[0]}" if len(suffixes) == 1 else f"{stem}({' '.join(suffixes)})"
        for stem, suffixes in together.items()
    ]


def _row(step: Step, written: Written) -> list[str]:
    where = (step.where.__doc__ or "").strip()
    paths = [*written.writes, *([_FIGURES[step.figures]] if step.figures else [])]
    files = ", ".join(f"`{path}`" for path in paths)
    elsewhere = str(step.on_another_machine) if step.on_another_machine else "–"
    reads = ", ".join(written.reads) or "–"
    return [step.rule, str(step.per), where, reads, files or "–", elsewhere]


if __name__ == "__main__":
    page, rules = Path(sys.argv[1]), Path(sys.argv[2])
    write_text(with_table(page.read_text(encoding="utf-8"), rules), page)
