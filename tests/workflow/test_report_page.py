"""The report of a finished study in a real browser."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from headless import Browser, find_browser

pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_browser() is None, reason="no chromium, chromium-browser or google-chrome is installed")]


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
    browser.until("document.getElementById('explorer-status').textContent.includes('coloured by truth')")
    assert browser.evaluate("[...document.getElementById('explorer-model').options].map((option) => option.value)") == ["pca", "quick_vae", "quick_gmvae"]
    assert browser.evaluate("[...document.getElementById('explorer-seed').options].map((option) => option.value)") == ["0", "1"]
    assert browser.problems() == []


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_does_not_scroll_sideways(dark, browser):
    browser.look(390, 844, dark=dark)
    assert browser.evaluate("document.documentElement.scrollWidth") == 390


def test_sorting_by_a_column_puts_its_largest_value_first(browser):
    values = "[...document.querySelector('.sortable').tBodies[0].rows].map((row) => Number(row.cells[1].dataset.value))"
    browser.evaluate("document.querySelector('.sortable thead th:nth-child(2) button').click()")
    found = browser.evaluate(values)
    assert len(found) > 1
    assert found == sorted(found, reverse=True)
