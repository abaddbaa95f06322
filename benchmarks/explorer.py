"""How fluid the explorer of the report is with many cells: frames a second while one drags the
plot, in headless Chromium without a graphics card.

    PYTHONPATH=workflow_scripts .venv/bin/python benchmarks/explorer.py --cells 50000

What is drawn is the page's own explorer on simulated cells. Besides the frames it prints how long
the explorer takes to open, to change the colours, to select by a box, and how large library and
data are in the page.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from headless import Browser, find_browser
from jinja2 import Environment, FileSystemLoader

from latentbench.figures.style import label_colours
from latentbench.report.explorer import page_explorer
from latentbench.report.explorer.explorer_file import Explored, quantise, write_explored

HERE = Path(page_explorer.__file__).parent
PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>explorer</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<style>{css}</style></head><body><main>{section}</main><script>{script}</script></body></html>"""
FRAMES = (
    "window.frames_ = []; (function tick(t) { frames_.push(t); requestAnimationFrame(tick);"
    " })(performance.now())"
)
SHOWS = "document.getElementById('explorer-status').textContent.includes('coloured by {}')"


def simulated(n_cells: int, n_groups: int = 12, n_genes: int = 30, seed: int = 0) -> Explored:
    """Return simulated cells in groups, with two embeddings."""
    random = np.random.default_rng(seed)
    groups = random.integers(n_groups, size=n_cells)
    values = [f"group {i}" for i in range(n_groups)]
    colours = list(label_colours(values).values())
    arrays, views = {"obs/label": groups.astype(np.uint16)}, []
    for replica in range(2):
        points, low, high = quantise(
            (random.normal(0, 8, (n_groups, 2))[groups] + random.normal(size=(n_cells, 2))).T,
            np.uint16,
        )
        arrays |= {
            f"pca/vae/{replica}": points,
            f"clusters/vae/{replica}": groups.astype(np.uint16),
        }
        layouts = [
            {
                "name": "pca",
                "title": "first two principal components",
                "points": f"pca/vae/{replica}",
                "low": low,
                "high": high,
            }
        ]
        clusters = {"values": values, "colours": colours, "cells": f"clusters/vae/{replica}"}
        views.append({"model": "vae", "seed": replica, "layouts": layouts, "clusters": clusters})
    arrays["variables"], low, high = quantise(
        random.gamma(1 + groups % 3, size=(n_genes, n_cells)), np.uint8
    )
    variables = [{"name": f"gene {i}", "low": low[i], "high": high[i]} for i in range(n_genes)]
    columns = {"label": {"values": values, "colours": colours, "cells": "obs/label"}}
    about = {
        "dataset": "simulated",
        "modality": "counts",
        "n_obs": n_cells,
        "cells": [f"cell{i:06d}" for i in range(n_cells)],
        "columns": columns,
    }
    return Explored(
        arrays,
        about | {"variables": variables, "chosen": "Simulated.", "image": None, "views": views},
    )


def page_of(explored: Explored, folder: Path) -> tuple[Path, float]:
    """Write a page that holds nothing but the explorer; return it and the megabytes of library and
    data.
    """
    write_explored(explored, folder / "simulated.safetensors")
    view = page_explorer.explorer_view([folder / "simulated.safetensors"])
    section = (
        Environment(loader=FileSystemLoader(HERE.parent / "sections"), autoescape=True)
        .get_template("explorer.html.j2")
        .render(**view)
    )
    css = (HERE.parent / "page.css").read_text() + (HERE / "explorer.css").read_text()
    page = folder / "explorer.html"
    page.write_text(PAGE.format(css=css, section=section, script=page_explorer.script()))
    return page, view["megabytes"]


def measure(browser: Browser, page: Path, seconds: float) -> dict[str, float]:
    """Open the explorer, drag, recolour and select; return what each took."""
    browser.look(1280, 900)
    browser.open(page)
    found = {
        "seconds to open": _until(
            browser, "document.getElementById('explorer-open').click()", SHOWS.format("truth")
        )
    }
    browser.evaluate(
        "document.getElementById('explorer-plot').scrollIntoView({behavior: 'instant', block:"
        " 'center'})"
    )
    box = json.loads(
        browser.evaluate(
            "JSON.stringify(document.getElementById('explorer-plot').getBoundingClientRect())"
        )
    )
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    time.sleep(1)
    browser.evaluate(FRAMES)
    held = {"button": "left", "buttons": 1, "clickCount": 1}
    browser.mouse("mousePressed", x, y, **held)
    end, moves = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        moves += 1
        # A move is answered once the page has dealt with it, so that no two fall into one frame for
        # want of time.
        browser.mouse(
            "mouseMoved", x + 150 * np.sin(moves / 10), y + 100 * np.cos(moves / 14), **held
        )
    browser.mouse("mouseReleased", x, y, **held)
    frames = np.diff(browser.evaluate("frames_"))
    found |= {
        "frames a second while dragging": 1000 / frames.mean(),
        "median milliseconds a frame": float(np.median(frames)),
    }
    recolour = (
        "(() => { const c = document.getElementById('explorer-colour'); c.value = 'variable-0';"
        " c.dispatchEvent(new Event('change')); })()"
    )
    found["seconds to recolour"] = _until(browser, recolour, SHOWS.format("gene 0"))
    browser.evaluate("document.querySelector('[name=explorer-drag][value=box]').click()")
    start = time.monotonic()
    browser.drag([(x - 200, y - 150), (x, y), (x + 200, y + 150)])
    browser.until(
        "document.getElementById('explorer-count').textContent.includes('selected') &&"
        " !document.getElementById('explorer-selected').hidden"
    )
    return found | {"seconds to select by a box": time.monotonic() - start}


def _until(browser: Browser, act: str, holds: str) -> float:
    start = time.monotonic()
    browser.evaluate(act)
    browser.until(holds)
    browser.evaluate(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    return time.monotonic() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    executable = find_browser()
    if executable is None:
        sys.exit("no chromium, chromium-browser or google-chrome is installed")
    with tempfile.TemporaryDirectory() as folder:
        page, megabytes = page_of(simulated(options.cells), Path(folder))
        with Browser(executable) as browser:
            found = measure(browser, page, options.seconds)
            problems = browser.problems()
    lines = [
        f"{options.cells} cells, two embeddings, 30 genes: {megabytes:.2f} MB in the page",
        *(f"{name}: {value:.2f}" for name, value in found.items()),
    ]
    sys.stdout.write("\n".join([*lines, *problems]) + "\n")


if __name__ == "__main__":
    main()
