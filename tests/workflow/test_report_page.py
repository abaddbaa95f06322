"""The report of a finished study in a real browser."""

import sys
from pathlib import Path

import pytest
from pybtex.database import parse_file

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from headless import Browser, find_browser

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_browser() is None, reason="no chromium, chromium-browser or google-chrome is installed"
    ),
]


@pytest.fixture(scope="module")
def page(finished):
    return finished.folder / "results/report/index.html"


@pytest.fixture(scope="module")
def browser(page):
    with Browser(find_browser()) as browser:
        browser.look(1280, 900)
        browser.open(page)
        yield browser


def test_it_opens_from_its_file_without_a_complaint_and_asks_nothing_of_a_network(browser):
    assert browser.evaluate("document.querySelectorAll('h1').length") == 1
    assert browser.problems() == []
    assert [url for url in browser.requests() if not url.endswith("index.html")] == []


def test_its_explorer_shows_the_embeddings_of_every_seed(browser):
    browser.evaluate("document.getElementById('explorer-open').click()")
    browser.until(
        "document.getElementById('explorer-status').textContent.includes('coloured by truth')"
    )
    assert browser.evaluate(
        "[...document.getElementById('explorer-model').options].map((option) => option.value)"
    ) == ["pca", "quick_vae", "quick_gmvae"]
    assert browser.evaluate(
        "[...document.getElementById('explorer-seed').options].map((option) => option.value)"
    ) == ["0", "1"]
    assert browser.problems() == []


def test_an_entry_of_the_figure_browser_shows_its_figure(browser):
    browser.look(1280, 900)
    entry = (
        "document.querySelector('.figure-group[data-group=blobs] .figure-entry[data-name=Scores]')"
    )
    browser.evaluate(f"{entry}.open = true")
    browser.until(f"{entry}.querySelector('.figure-shown svg') !== null")
    assert browser.evaluate(
        "document.querySelectorAll('[id]').length === new"
        " Set([...document.querySelectorAll('[id]')].map((each) => each.id)).size"
    )
    assert browser.evaluate(f"{entry}.querySelector('.figure-shown').innerHTML.length > 1000")


def test_the_figure_browser_narrows_to_a_data_set_and_a_figure(browser):
    shown = (
        "[...document.querySelectorAll('.figure-entry')].filter((each) =>"
        " each.offsetParent).map((each) => each.parentElement.dataset.group)"
    )
    everything = browser.evaluate(shown)
    choose = (
        "(() => {{ const c = document.getElementById('{}'); c.value = '{}'; c.dispatchEvent(new"
        " Event('change')); }})()"
    )
    browser.evaluate(choose.format("figures-group", "blobs"))
    assert set(browser.evaluate(shown)) == {"blobs"}
    assert len(browser.evaluate(shown)) < len(everything)
    browser.evaluate(choose.format("figures-name", "Maps"))
    assert len(browser.evaluate(shown)) == 1
    assert browser.evaluate("document.getElementById('figures-count').textContent") == "1 figure"


def test_every_file_that_the_figure_browser_links_to_is_there(browser, page):
    links = browser.evaluate(
        "[...document.querySelectorAll('.figure-entry a')].map((each) =>"
        " each.getAttribute('href')).filter((each) => each[0] !== '#')"
    )
    assert len(links) > 20
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_citation_of_the_page_is_in_the_bibliography_beside_it(browser, page):
    entries = parse_file(str(page.parent / "references.bib"), "bibtex").entries
    cited = browser.evaluate(
        "[...document.querySelectorAll('a[href^=\"#ref-\"]')].map((each) =>"
        " each.getAttribute('href').slice(5))"
    )
    assert "hubert1985" in cited
    assert set(cited) <= set(entries)
    assert {"kingma2014", "data-blobs", "software-torch"} <= set(entries)


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_does_not_scroll_sideways(dark, browser):
    browser.look(390, 844, dark=dark)
    assert browser.evaluate("document.documentElement.scrollWidth") == 390


def test_sorting_by_a_column_puts_its_largest_value_first(browser):
    values = (
        "[...document.querySelector('.sortable').tBodies[0].rows].map((row) =>"
        " Number(row.cells[1].dataset.value))"
    )
    browser.evaluate("document.querySelector('.sortable thead th:nth-child(2) button').click()")
    found = browser.evaluate(values)
    assert len(found) > 1
    assert found == sorted(found, reverse=True)
