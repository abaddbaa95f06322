import pytest

from latentbench.report.bibliography import (
    Reference,
    as_bib,
    literal,
    parse_bib,
    sentence,
    short_name,
)

TEXT = (
    "@article{hubert1985,\n  author = {Hubert, Lawrence and Arabie, Phipps},\n  title = {Comparing"
    " partitions},\n  year = {1985},\n}\n"
)


def test_what_is_written_is_what_was_read():
    assert as_bib(parse_bib(TEXT).values()) == TEXT


def test_braces_inside_a_value_are_kept():
    text = TEXT.replace("Lawrence", "L{\\'e}on")
    assert parse_bib(text)["hubert1985"].fields["author"] == "Hubert, L{\\'e}on and Arabie, Phipps"
    assert as_bib(parse_bib(text).values()) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT + "\n" + TEXT, "hubert1985: there are two entries"),
        (TEXT.replace("  year = {1985},", "  year = 1985"), "'  year = 1985' is no field"),
        (TEXT + "}", "'}' belongs to no entry"),
        (TEXT[:-2], "belongs to no entry"),
    ],
)
def test_what_is_no_bibtex_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_bib(text)


@pytest.mark.parametrize("text", ["100% of {x} & y_1 #2 $3", "a\\b", "two\nlines", "}", "~^"])
def test_any_text_becomes_a_value_that_parses(text):
    found = parse_bib(as_bib([Reference("misc", "x", {"title": literal(text)})]))
    assert found["x"].fields["title"] == literal(text)
    assert sentence(found["x"]) == " ".join(text.split()) + "."


@pytest.mark.parametrize(
    ("author", "name"),
    [
        ("Holm, Sture", "Holm 1985"),
        ("Hubert, Lawrence and Arabie, Phipps", "Hubert and Arabie 1985"),
        ("A, B and C, D and E, F", "A et al. 1985"),
        ("Harris, C. and others", "Harris et al. 1985"),
        ("Dem{\\v s}ar, Janez", "Demšar 1985"),
    ],
)
def test_the_short_name_of_an_entry(author, name):
    assert short_name(Reference("article", "x", {"author": author, "year": "1985"})) == name


def test_a_sentence_holds_who_when_what_where():
    fields = {
        "author": "Burda, Yuri and Grosse, Roger",
        "title": "Bounds",
        "booktitle": "A meeting",
        "year": "2016",
        "eprint": "1509.00519",
    }
    assert (
        sentence(Reference("inproceedings", "x", fields))
        == "Burda, Yuri, Grosse, Roger (2016). Bounds. A meeting. arXiv:1509.00519."
    )
