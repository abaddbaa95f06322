"""What a study cites: its models, its data sets, the metrics and tests of the methods text, the
software that ran. Entries: references.bib.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape
from pybtex.database import BibliographyData, Entry, parse_file
from pybtex.style.formatting.unsrt import Style
from pybtex.style.template import Node, field, sentence

from latentbench.study.applicability import CONSENSUS

OF_KIND: dict[str, tuple[str, ...]] = {
    "pca": ("pearson1901",),
    "leiden_pca": ("wolf2018", "traag2019"),
    "leiden_pca_declared": ("wolf2018", "traag2019"),
    "kmeans_pca": ("lloyd1982",),
    "gmm_pca": ("dempster1977",),
    "linear_ae": ("bourlard1988", "baldi1989"),
    "ae": ("hinton2006",),
    "vae": ("kingma2014",),
    "cvae": ("sohn2015",),
    "scvi": ("lopez2018",),
    "ldvae": ("svensson2020",),
    "scanvi": ("xu2021", "kingma2014semi"),
    "scgen": ("lotfollahi2019",),
    "m2": ("kingma2014semi",),
    "gmvae": ("shu2016", "kingma2014semi"),
    "gmvae_dilokthanakul": ("dilokthanakul2016",),
    "gmvae_dirichlet": ("dilokthanakul2016",),
    "gmvae_conditional": ("dilokthanakul2016", "sohn2015"),
    "vamp": ("tomczak2018",),
    "dec": ("xie2016",),
    "idec": ("guo2017idec",),
    "n2d": ("mcconville2021",),
    "vade": ("jiang2017",),
    "scdeepcluster": ("tian2019",),
    CONSENSUS: ("fred2005",),
}
"""The papers of each kind; the controls and ready embeddings have none."""

OF_SOFTWARE: dict[str, str] = {
    "torch": "paszke2019",
    "numpy": "harris2020",
    "scipy": "virtanen2020",
    "scikit-learn": "pedregosa2011",
    "anndata": "virshup2024",
    "matplotlib": "hunter2007",
    "snakemake": "molder2021",
}
OF_EVERY_STUDY = (
    "molder2021",
    "hunter2007",
    "rousseeuw1987",
    "burda2016",
    "guo2017calibration",
    "lucas2019",
)
"""The workflow, the figures, the silhouette, active units, calibration and collapse: used
whatever is compared."""

OF_LAYOUT = {"tsne": "vandermaaten2008", "umap": "mcinnes2018"}
CITED = re.compile(r"\[@([\w-]+)\]")


LITERAL = str.maketrans({"{": "(", "}": ")", "\\": r"\textbackslash{}", "~": r"\textasciitilde{}"})
"""What BibTeX reads as a command or a group; the writer escapes the other signs."""


class TitlesAsWritten(Style):
    """The plain style of BibTeX, which would write "Gaussian" in a title as "gaussian"."""

    def format_title(self, e: Entry, which_field: str, as_sentence: bool = True) -> Node:
        """Return the title as its entry has it."""
        title = field(which_field)
        return sentence[title] if as_sentence else title


@cache
def known() -> dict[str, Entry]:
    """Return the entries of references.bib by key."""
    return dict(parse_file(str(Path(__file__).with_name("references.bib")), "bibtex").entries)


def as_bib(references: Mapping[str, Entry]) -> str:
    """Return entries as BibTeX."""
    return BibliographyData(references).to_string("bibtex")


def formatted(entry: Entry) -> str:
    """Return an entry as one line of a list of references."""
    return TitlesAsWritten().format_entry("", entry).text.render_as("text")


def short_name(entry: Entry) -> str:
    """Return how a text calls an entry: "Hubert and Arabie 1985", "Luecken et al. 2022"."""
    names = [
        " ".join(
            part.render_as("text") for part in [*person.rich_prelast_names, *person.rich_last_names]
        )
        for person in entry.persons["author"]
    ]
    several = len(names) > 2 or names[-1] == "others"
    who = f"{names[0]} et al." if several else " and ".join(names)
    return f"{who} {entry.fields['year']}"


def references_of(
    kinds: Iterable[str],
    datasets: Iterable[Mapping[str, Any]],
    paragraphs: Iterable[str],
    versions: Mapping[str, str],
    config: Mapping[str, Any],
) -> dict[str, Entry]:
    """Return what a study cites, by key: papers, then its data sets (``datasets``: name, citation,
    licence and source of each) and software.
    """
    report, evaluation = config.get("report", {}), config.get("evaluation", {})
    keys = (
        {key for kind in kinds for key in OF_KIND.get(kind, ())}
        | {key for text in paragraphs for key in CITED.findall(text)}
        | {*OF_EVERY_STUDY}
    )
    keys |= {OF_SOFTWARE[name] for name in versions if name in OF_SOFTWARE}
    keys |= {
        OF_LAYOUT[layout]
        for layout in [report.get("maps", {}).get("layout", "tsne")]
        if layout in OF_LAYOUT
    }
    keys |= {"luecken2022"} if evaluation.get("integration") else set()
    return {
        **{key: known()[key] for key in sorted(keys)},
        **{f"data-{row['name']}": _of_dataset(row) for row in datasets},
        **{
            f"software-{name}": _misc(title=f"{name} {version}", note="software")
            for name, version in sorted(versions.items())
        },
    }


def linked(paragraph: str) -> Markup:
    """Return a paragraph with every ``[@key]`` as a link to its reference."""
    parts = CITED.split(paragraph)
    links = [
        Markup('<a href="#ref-{}">{}</a>').format(key, short_name(known()[key]))
        for key in parts[1::2]
    ]
    return Markup("").join(
        part
        for pair in zip(map(escape, parts[::2]), [*links, Markup("")], strict=True)
        for part in pair
    )


def _of_dataset(row: Mapping[str, Any]) -> Entry:
    parts = (
        row["citation"],
        f"licence: {row['licence']}" if row["licence"] else "",
        f"source: {row['source']}",
    )
    return _misc(title=f"Data set {row['name']}", note="; ".join(filter(None, parts)))


def _misc(**fields: str) -> Entry:
    plain = [(name, " ".join(text.split()).translate(LITERAL)) for name, text in fields.items()]
    return Entry("misc", plain)
