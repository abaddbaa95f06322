"""The explorer in a real browser: what it draws, what it says of a cell, what a selection lists."""

import io
import json
import sys
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

ROOT = Path(__file__).parents[3]
sys.path.append(str(ROOT / "benchmarks"))

from explorer import PAGE, page_of  # noqa: E402
from headless import Browser, find_browser  # noqa: E402

from latentbench.figures.maps import draw_maps  # noqa: E402
from latentbench.report.explorer.explorer import explore  # noqa: E402
from latentbench.report.explorer.explorer_file import read_explored, write_explored  # noqa: E402
from latentbench.report.explorer.page_explorer import explorer_view  # noqa: E402

HOSTILE = "<script>alert(1)</script>"

pytestmark = pytest.mark.skipif(
    find_browser() is None, reason="no chromium, chromium-browser or google-chrome is installed"
)


@pytest.fixture(scope="module")
def explored(study_folder, made_up, tmp_path_factory):
    """The made-up digits, one of whose labels is hostile and one of whose cells has none."""
    path = tmp_path_factory.mktemp("hostile") / "prepared.h5ad"
    prepared = ad.read_h5ad(study_folder / "data/digits/prepared.h5ad")
    labels = prepared.obs["label"].astype(str).replace("3", HOSTILE)
    labels.iloc[7] = np.nan
    prepared.obs["label"] = pd.Categorical(labels)
    prepared.write_h5ad(path)
    models = [model for name, model in made_up.pairs if name == "digits"]
    embeddings = [study_folder / "models/digits" / model / "embedding.h5ad" for model in models]
    clusters = [study_folder / "clusters/digits" / f"{model}.parquet" for model in models]
    maps = draw_maps(path, embeddings, clusters, n_clusters=10, layout="tsne")
    return explore(path, embeddings, clusters, maps, n_clusters=10)


@pytest.fixture(scope="module")
def opened(explored, tmp_path_factory):
    """A browser whose page has the explorer opened."""
    page, _ = page_of(explored, tmp_path_factory.mktemp("page"))
    with Browser(find_browser()) as browser:
        browser.look(1280, 1000)
        browser.open(page)
        browser.evaluate("document.getElementById('explorer-open').click()")
        browser.until(
            "document.getElementById('explorer-status').textContent.includes('coloured by')"
        )
        browser.evaluate(
            "document.getElementById('explorer-plot').scrollIntoView({behavior: 'instant', block:"
            " 'center'})"
        )
        yield browser


def choose(browser, **choices):
    for name, value in choices.items():
        browser.evaluate(
            f"(() => {{ const c = part_('{name}'); c.value = {json.dumps(value)};"
            " c.dispatchEvent(new Event('change')); })()"
        )


@pytest.fixture
def browser(opened):
    """The browser with everything shown, nothing selected, the first seed of vae coloured by
    truth.
    """
    opened.evaluate("window.part_ = (name) => document.getElementById(`explorer-${name}`)")
    choose(opened, model="vae", seed="0", layout="tsne", colour="label")
    opened.evaluate(
        "part_('clear').click(); part_('all').click();"
        " document.querySelector('[name=explorer-drag][value=pan]').click()"
    )
    return opened


def text_of(browser, name):
    return browser.evaluate(f"part_('{name}').innerText")


def plot_box(browser):
    box = json.loads(browser.evaluate("JSON.stringify(part_('plot').getBoundingClientRect())"))
    return box["x"], box["y"], box["width"], box["height"]


def places(browser, explored, model="vae", seed=0, layout="tsne"):
    """Where each cell should be in the window, computed here from the file."""
    view = next(
        view for view in explored.about["views"] if (view["model"], view["seed"]) == (model, seed)
    )
    name = next(each["points"] for each in view["layouts"] if each["name"] == layout)
    left, top, width, height = plot_box(browser)
    across, up = (explored.arrays[name] / 65535 + 0.05) / 1.1
    return np.stack([left + across * width, top + (1 - up) * height], axis=1)


def drawn(browser):
    """The pixels of the plot, as they are on the screen."""
    browser.evaluate("new Promise((done) => setTimeout(() => requestAnimationFrame(done), 400))")
    left, top, width, height = (round(value) for value in plot_box(browser))
    return imread(io.BytesIO(browser.screenshot()))[top : top + height, left : left + width, :3]


def listed(browser):
    return browser.evaluate(
        "[...part_('cells').tBodies[0].rows].map((row) => row.cells[0].textContent)"
    )


def test_the_page_opens_without_a_complaint_and_asks_for_nothing_but_itself(browser):
    assert browser.problems() == []
    assert [url for url in browser.requests() if not url.endswith("explorer.html")] == []


def test_the_policy_under_which_this_runs_is_that_of_the_report():
    policy = PAGE[PAGE.index('content="default-src') : PAGE.index('data:">')]
    assert policy in (ROOT / "workflow_scripts/latentbench/report/page.html.j2").read_text()
    assert "unsafe-eval" not in policy


def test_every_cell_is_drawn_where_the_file_says_in_the_colour_of_its_label(browser, explored):
    pixels, (left, top, *_) = drawn(browser), plot_box(browser)
    label = explored.about["columns"]["label"]
    colours = [*label["colours"], "#b9bec6"]
    points = places(browser, explored)
    hits = 0
    for (x, y), code in zip(points, explored.arrays[label["cells"]], strict=True):
        near = pixels[
            round(y - top) - 1 : round(y - top) + 2, round(x - left) - 1 : round(x - left) + 2
        ].reshape(-1, 3)
        wanted = np.array([int(colours[code][i : i + 2], 16) for i in (1, 3, 5)]) / 255
        hits += bool((np.abs(near - (0.85 * wanted + 0.15)) < 0.12).all(axis=1).any())
    assert hits > 0.85 * len(points)  # the others lie under a cell of another label


@pytest.mark.parametrize(
    "choice",
    [
        {"model": "ae"},
        {"seed": "2"},
        {"layout": "pca"},
        {"colour": "clusters"},
        {"colour": "variable-0"},
    ],
)
def test_every_choice_changes_what_is_drawn_and_what_is_said(choice, browser):
    pixels, said = drawn(browser), text_of(browser, "status")
    choose(browser, **choice)
    assert text_of(browser, "status") != said
    assert np.abs(drawn(browser) - pixels).max() > 0.3


def test_seeds_that_the_maps_do_not_show_have_no_layout_of_theirs(browser):
    options = "[...part_('layout').options].map((option) => option.textContent)"
    assert browser.evaluate(options) == ["t-SNE", "first two principal components"]
    choose(browser, seed="1")
    assert browser.evaluate(options) == ["first two principal components"]


def test_the_cell_under_the_pointer_is_named_with_its_values(browser, explored):
    points = places(browser, explored)
    distance = np.linalg.norm(points[:, None] - points[None], axis=2) + 1e9 * np.eye(len(points))
    lonely = int(distance.min(axis=1).argmax())
    browser.mouse("mouseMoved", *(points[lonely] - 40))
    browser.mouse("mouseMoved", *points[lonely])
    browser.until("!part_('tip').hidden")
    label = explored.about["columns"]["label"]
    said = text_of(browser, "tip")
    assert said.startswith(explored.about["cells"][lonely] + "\n")
    assert [*label["values"], "none"][explored.arrays[label["cells"]][lonely]] in said


def test_a_finger_taps_on_a_cell_to_see_what_it_is(browser, explored):
    x, y = places(browser, explored)[0]
    browser.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
    browser.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    browser.until("!part_('tip').hidden")
    near = np.linalg.norm(places(browser, explored) - [x, y], axis=1) < 3
    assert text_of(browser, "tip").splitlines()[0] in np.array(explored.about["cells"])[near]


@pytest.mark.parametrize("how", ["box", "lasso"])
def test_a_selection_lists_the_cells_inside_and_no_other(how, browser, explored):
    left, top, width, height = plot_box(browser)
    low, high = (
        np.array([left + 0.2 * width, top + 0.3 * height]),
        np.array([left + 0.7 * width, top + 0.8 * height]),
    )
    browser.evaluate(f"document.querySelector('[name=explorer-drag][value={how}]').click()")
    corners = [
        (low[0], low[1]),
        (high[0], low[1]),
        (high[0], high[1]),
        (low[0], high[1]),
        (low[0], low[1]),
    ]
    browser.drag(
        corners
        if how == "lasso"
        else [corners[0], ((low[0] + high[0]) / 2, (low[1] + high[1]) / 2), corners[2]]
    )
    browser.until("part_('selected').hidden === false")
    points, cells = places(browser, explored), np.array(explored.about["cells"])
    surely = cells[((points > low + 4) & (points < high - 4)).all(axis=1)]
    perhaps = cells[((points > low - 4) & (points < high + 4)).all(axis=1)]
    found = listed(browser)
    assert len(surely) > 5
    assert set(surely) <= set(found) <= set(perhaps)
    assert text_of(browser, "count") == f"{len(found)} cells selected"


def test_a_group_is_selected_from_the_key_by_keyboard_and_its_composition_is_itself(
    browser, explored
):
    browser.evaluate(
        "[...part_('key').querySelectorAll('button')].find((each) =>"
        " each.innerText.startsWith('<script>')).focus()"
    )
    browser.call(
        "Input.dispatchKeyEvent",
        type="keyDown",
        key="Enter",
        code="Enter",
        windowsVirtualKeyCode=13,
        text="\r",
    )
    browser.call(
        "Input.dispatchKeyEvent", type="keyUp", key="Enter", code="Enter", windowsVirtualKeyCode=13
    )
    browser.until("part_('selected').hidden === false")
    label = explored.about["columns"]["label"]
    inside = explored.arrays[label["cells"]] == label["values"].index(HOSTILE)
    assert sorted(listed(browser)) == sorted(np.array(explored.about["cells"])[inside])
    row = browser.evaluate(
        "[...part_('composition').tBodies[0].rows].map((row) => [...row.cells].map((cell) =>"
        " cell.innerText))"
    )
    assert row == [[HOSTILE, str(inside.sum()), "100.0 %", "100.0 %"]]


def test_the_tsv_holds_every_selected_cell_and_what_it_is_coloured_by(browser, explored):
    choose(browser, colour="variable-1")
    browser.evaluate(
        "const make_ = URL.createObjectURL; URL.createObjectURL = (blob) => { window.blob_ = blob;"
        " return make_.call(URL, blob); }"
    )
    choose(browser, colour="label")
    browser.evaluate("part_('key').querySelector('button').click()")
    choose(browser, colour="variable-1")
    browser.evaluate("part_('download').click()")
    lines = [line.split("\t") for line in browser.evaluate("blob_.text()").splitlines()]
    gene = explored.about["variables"][1]["name"]
    assert lines[0] == ["cell", "truth", "cluster", "split", gene]
    label = explored.about["columns"]["label"]
    assert len(lines) - 1 == (explored.arrays[label["cells"]] == 0).sum()
    place = explored.about["cells"].index(lines[1][0])
    variable, step = explored.about["variables"][1], explored.arrays["variables"][1][place]
    assert float(lines[1][-1]) == pytest.approx(
        variable["low"] + step / 255 * (variable["high"] - variable["low"]), rel=0.01, abs=0.01
    )


def test_keys_move_and_zoom_the_plot(browser):
    whole = drawn(browser)
    browser.evaluate(
        "part_('plot').dispatchEvent(new KeyboardEvent('keydown', { key: '+', bubbles: true }))"
    )
    assert np.abs(drawn(browser) - whole).max() > 0.3
    browser.evaluate(
        "part_('plot').dispatchEvent(new KeyboardEvent('keydown', { key: '0', bubbles: true }))"
    )
    assert np.abs(drawn(browser) - whole).max() < 0.05


def test_labels_are_text_wherever_they_are_shown(browser):
    before = browser.evaluate("document.scripts.length")
    browser.evaluate("[...part_('key').querySelectorAll('button')].forEach((each) => each.click())")
    assert HOSTILE in text_of(browser, "key")
    assert browser.evaluate("document.scripts.length") == before
    assert [
        event for event in browser.events if event.get("method") == "Page.javascriptDialogOpening"
    ] == []
    assert browser.problems() == []


def test_a_phone_does_not_scroll_sideways(browser):
    browser.look(390, 844)
    browser.until("document.documentElement.scrollWidth === 390")  # the plot is drawn anew first
    browser.look(1280, 1000)


def test_every_control_has_a_name(browser):
    nameless = (
        "[...document.querySelectorAll('select, input')].filter((each) => each.labels.length ==="
        " 0).length"
    )
    assert browser.evaluate(nameless) == 0


def test_a_data_set_without_an_embedding_is_left_out(explored, tmp_path):
    write_explored(explored, tmp_path / "a.safetensors")
    empty = read_explored(tmp_path / "a.safetensors")
    empty.about["views"].clear()
    write_explored(empty, tmp_path / "b.safetensors")
    assert (
        len(explorer_view([tmp_path / "a.safetensors", tmp_path / "b.safetensors"])["explored"])
        == 1
    )
    assert explorer_view([tmp_path / "b.safetensors"])["library"] == ""
