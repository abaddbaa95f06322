"""docs/models.md: what is written by hand (docs/models.template.md), with a table of all kinds and
a section each made from their docstrings.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from latentbench.files.artefacts import write_text
from latentbench.models import MODELS
from latentbench.models.declared import OBSERVED, documentation_of, factorisation_of

TABLE, SECTIONS = "[[table of kinds]]", "[[sections of kinds]]"
LOSS = re.compile(r"(?:-ELBO|loss)\b[^=]*=\s")
NUMBER = re.compile(r"\s*\((\d+)\)\s*$")
CITATION = re.compile(r"\s*\([^()]*\b(?:19|20)\d\d\b[^()]*\)")
NEEDS = {"n_clusters": "a number of clusters", "labels": "labels"}


def models_page(template: str) -> str:
    """Return the page: the template with its two places filled.

    Raises:
        ValueError: the template lacks a place.
    """
    for place in (TABLE, SECTIONS):
        if template.count(place) != 1:
            raise ValueError(f"docs/models.template.md: the line {place} must be there once")
    return template.replace(TABLE, table_of_kinds()).replace(
        SECTIONS, "\n\n".join(section_of(kind) for kind in MODELS)
    )


def table_of_kinds() -> str:
    """Return a line a kind: what it is, assumptions, equation, when to use it, cost."""
    header = ["kind", "what it is", "assumes and needs", "minimises", "use", "cost"]
    rows = [_line(header), _line(["---"] * len(header))]
    for kind in MODELS:
        documentation = documentation_of(kind)
        texts = [
            _markdown(text)
            for text in (
                CITATION.sub("", documentation.title),
                documentation.use,
                documentation.cost,
            )
        ]
        loss = loss_of(kind)
        rows.append(
            _line(
                [
                    f"[`{kind}`](#{kind})",
                    texts[0],
                    assumptions_of(kind),
                    f"`{loss}`" if loss else "–",
                    *texts[1:],
                ]
            )
        )
    return "\n".join(rows)


def section_of(kind: str) -> str:
    """Return the section of a kind: its docstring, and of a network its factorisation and plate
    diagram.
    """
    documentation = documentation_of(kind)
    parts = [f"### {kind}", _markdown(documentation.body)]
    if MODELS[kind].is_network:
        generative, inference = factorisation_of(kind).texts
        parts += [
            f"Declared in its code: `{generative}`; `{inference}`.",
            f"![Plate diagram of {kind}](images/plates/{kind}.svg)",
        ]
    file = f"models/{MODELS[kind].path.name}"
    source = f"[`{file}`](../workflow_scripts/latentbench/{file})"
    keys = f"[config/README.md](../config/README.md#hyperparameters-of-kind-{kind})"
    parts.append(
        f"**Use:** {_markdown(documentation.use)} **Cost:** {_markdown(documentation.cost)} Source:"
        f" {source}; hyperparameters: {keys}."
    )
    return "\n\n".join(parts)


def assumptions_of(kind: str) -> str:
    """Return the generative factorisation of a network, and what a kind needs from the data
    sheet.
    """
    entry = MODELS[kind]
    parts = [f"`{factorisation_of(kind).texts[0]}`"] if entry.is_network else []
    parts += [NEEDS[need] for need in sorted(entry.needs & set(NEEDS))]
    if entry.covariates == "required":
        parts.append(OBSERVED["c"])
    return "; ".join(parts) or "–"


def loss_of(kind: str) -> str:
    """Return the equation of the loss as the docstring writes it, without its number; nothing where
    there is none.
    """
    lines = documentation_of(kind).body.splitlines()
    for i, line in enumerate(lines):
        if line.startswith("    ") and (found := LOSS.search(line)):
            equation = [line[found.start() :].strip()]
            while (
                not NUMBER.search(equation[-1])
                and i + len(equation) < len(lines)
                and lines[i + len(equation)].startswith("    ")
            ):
                equation.append(lines[i + len(equation)].strip())
            return " ".join(NUMBER.sub("", part) for part in equation)
    return ""


def _line(cells: Sequence[str]) -> str:
    """A line of a table; a bar inside a cell is escaped."""
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _markdown(text: str) -> str:
    """Equations are indented, which Markdown shows as they are; names in double backticks become
    code.
    """
    return re.sub(r"``([^`]+)``", r"`\1`", text)


def write_plates(folder: Path) -> None:
    """Draw the plate diagram of every network as svg, on white: a page of documentation may be
    dark.
    """
    import matplotlib.pyplot as plt  # imported here: the page itself needs no figure

    from latentbench.figures.diagrams.plates import plate_figure
    from latentbench.figures.style import apply_style, save

    apply_style()
    for kind in MODELS:
        if MODELS[kind].is_network:
            figure = plate_figure(factorisation_of(kind))
            figure.add_artist(
                plt.Rectangle(
                    (0, 0), 1, 1, fc="white", ec="none", zorder=-10, transform=figure.transFigure
                )
            )
            save(figure, [folder / f"{kind}.svg"])
            plt.close(figure)


if __name__ == "__main__":
    docs = Path(sys.argv[1])
    write_text(
        models_page((docs / "models.template.md").read_text(encoding="utf-8")), docs / "models.md"
    )
    write_plates(docs / "images/plates")
