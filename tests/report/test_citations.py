import re

import pytest
from pybtex.database import Entry, Person, parse_string

from latentbench.models import MODELS
from latentbench.models.declared import documentation_of
from latentbench.report.citations import (
    CITED,
    OF_EVERY_STUDY,
    OF_KIND,
    OF_LAYOUT,
    OF_SOFTWARE,
    as_bib,
    formatted,
    known,
    linked,
    references_of,
    short_name,
)
from latentbench.report.sections.methods import PARAGRAPHS
from latentbench.study.applicability import CONSENSUS, CONTROL_KINDS

ROW = {
    "name": "blobs",
    "citation": "Baron et al. 2016, Cell Syst. 3:346",
    "licence": "MIT",
    "source": "builtin:blobs_1",
}


def test_every_kind_but_controls_and_what_the_data_bring_along_cites_something():
    assert set(OF_KIND) == {*MODELS, CONSENSUS} - {*CONTROL_KINDS, "embedding", "clustering"}


def test_every_key_that_is_named_anywhere_has_an_entry():
    named = {key for keys in OF_KIND.values() for key in keys} | {
        *OF_EVERY_STUDY,
        *OF_LAYOUT.values(),
        *OF_SOFTWARE.values(),
        "luecken2022",
    }
    named |= {key for text in PARAGRAPHS for key in CITED.findall(text)}
    assert named == set(known())


@pytest.mark.parametrize("kind", sorted(set(OF_KIND) - {CONSENSUS}))
def test_what_the_documentation_of_a_kind_cites_by_address_is_the_address_of_its_entry(kind):
    addresses = re.findall(r"(?:arXiv:|doi:)([\w./()-]+\w)", documentation_of(kind).title)
    entries = {
        known()[key].fields.get("doi", known()[key].fields.get("eprint")) for key in OF_KIND[kind]
    }
    assert set(addresses) <= entries


def test_a_study_cites_its_models_data_and_software_and_the_file_parses():
    references = references_of(
        ["vae", "true_labels"],
        [ROW],
        PARAGRAPHS,
        {"torch": "2.13.0+cpu"},
        {"report": {"maps": {"layout": "umap"}}},
    )
    keys = list(references)
    assert {
        "kingma2014",
        "hubert1985",
        "paszke2019",
        "mcinnes2018",
        "data-blobs",
        "software-torch",
    } <= set(keys)
    assert not {"vandermaaten2008", "lopez2018", "luecken2022"} & set(keys)
    found = parse_string(as_bib(references), "bibtex").entries
    assert list(found) == keys
    assert (
        formatted(found["data-blobs"])
        == "Data set blobs. Baron et al. 2016, Cell Syst. 3:346; licence: MIT; source:"
        " builtin:blobs_1."
    )


def test_integration_is_cited_where_it_is_asked_for():
    assert "luecken2022" in references_of([], [], [], {}, {"evaluation": {"integration": True}})


def test_a_citation_becomes_a_link_and_everything_else_is_escaped():
    assert (
        linked("a <b> ([@hubert1985]; [@kuhn1955]).")
        == 'a &lt;b&gt; (<a href="#ref-hubert1985">Hubert and Arabie 1985</a>; <a'
        ' href="#ref-kuhn1955">Kuhn 1955</a>).'
    )


def test_every_entry_can_be_called_by_name():
    assert all(re.search(r" (19|20)\d\d$", short_name(entry)) for entry in known().values())


@pytest.mark.parametrize("text", ["100% of {x} & y_1 #2", "a\\b", "two\nlines", "}", "~/a^b $3"])
def test_any_text_of_a_data_sheet_becomes_an_entry_that_parses(text):
    row = ROW | {"name": "x", "citation": text}
    found = parse_string(as_bib(references_of([], [row], [], {}, {})), "bibtex").entries
    said = " ".join(text.split()).replace("{", "(").replace("}", ")")
    assert formatted(found["data-x"]).startswith(f"Data set x. {said}; licence: MIT")


@pytest.mark.parametrize(
    ("authors", "name"),
    [
        (["Holm, Sture"], "Holm 1985"),
        (["Hubert, Lawrence", "Arabie, Phipps"], "Hubert and Arabie 1985"),
        (["A, B", "C, D", "E, F"], "A et al. 1985"),
        (["Harris, C.", "others"], "Harris et al. 1985"),
        (["Dem{\\v s}ar, Janez"], "Demšar 1985"),
    ],
)
def test_the_short_name_of_an_entry(authors, name):
    persons = {"author": [Person(author) for author in authors]}
    assert short_name(Entry("article", {"year": "1985"}, persons)) == name


def test_titles_keep_their_capitals():
    assert "Gaussian mixture" in formatted(known()["dilokthanakul2016"])
