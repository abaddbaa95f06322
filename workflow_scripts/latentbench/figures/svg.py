"""Matplotlib's svg, made fit for a place inside an HTML page."""

import base64
import re
from html import escape
from io import BytesIO
from pathlib import Path

from markupsafe import Markup
from PIL import Image

from latentbench.figures.style import GRID, INK, MUTED, NOTHING

THEME = {INK: "var(--ink)", MUTED: "var(--muted)", GRID: "var(--rule)"}
"""The neutral colours of the style sheet become those of the page's theme: ink is light on dark
paper."""

PIXELS_A_POINT = 1.9
"""A figure of the full 7 inches fills the page; a smaller one stays smaller, its letters the
same size."""


PLACES = re.compile(r' (?:d|x|y|points|transform)="[^"]*"')
NO_TURN = re.compile(r' transform="rotate\(-?0 [^"]*\)"')
GROUP = re.compile(r"\s*<(/?)g\b([^>]*?)(/?)>")
STYLES = re.compile(r' style="[^"]*"')
LONG_NUMBER = re.compile(r"\d+\.\d{2,}")
IMAGE = re.compile(r"(data:image/png;base64,)([^\"]+)")
COLOURS_OF_IMAGE = 64


def shows_something(path: str | Path) -> bool:
    """Whether an svg file is more than the sentence that there is nothing to show."""
    return f"<dc:description>{NOTHING}</dc:description>" not in Path(path).read_text(
        encoding="utf-8"
    )


def inline_svg(path: str | Path, *, prefix: str, title: str) -> Markup:
    """Return an svg file as markup: an image with the text alternative ``title``, ids prefixed so
    that several fit in one page, neutrals by theme.

    The copy is lighter than the file, and looks the same on a screen: places to a tenth of a point,
    clouds of points in 64 colours."""
    svg = Path(path).read_text(encoding="utf-8")
    svg = svg[svg.index("<svg") :]
    for noise in (r"<!--.*?-->", r"<metadata>.*?</metadata>", r"<style\b.*?</style>"):
        svg = re.sub(noise, "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)
    svg = re.sub("|".join(THEME), lambda colour: THEME[colour[0]], svg)
    svg = _without_idle_groups(NO_TURN.sub("", _without_idle_names(svg)))
    svg = STYLES.sub(lambda style: style[0].replace("; ", ";").replace(": ", ":"), svg)
    svg = PLACES.sub(
        lambda place: LONG_NUMBER.sub(lambda number: f"{float(number[0]):.1f}", place[0]), svg
    )
    svg = IMAGE.sub(lambda image: image[1] + _fewer_colours(image[2]), svg)
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups()
    size = f'viewBox="0 0 {width} {height}" style="max-width:{float(width) * PIXELS_A_POINT:.0f}px"'
    opening = (
        f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" {size} role="img"'
        f' aria-label="{escape(title)}">'
    )
    return Markup(opening + re.sub(r"\n\s*", "\n", svg[svg.index(">") + 1 :]))


def _without_idle_names(svg: str) -> str:
    """Return markup without the ids that nothing in it refers to."""
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    return re.sub(r' id="([^"]+)"', lambda name: name[0] if name[1] in used else "", svg)


def _without_idle_groups(svg: str) -> str:
    """Return markup without the groups that have no attributes, what is in them kept."""
    idle: list[bool] = []

    def kept(tag: re.Match) -> str:
        closes, attributes, alone = tag.groups()
        if closes:
            return "" if idle.pop() else tag[0]
        if not alone:
            idle.append(not attributes)
        return tag[0] if attributes else ""

    return GROUP.sub(kept, svg)


def _fewer_colours(encoded: str) -> str:
    """Return an image with a palette in place of four bytes a pixel."""
    with Image.open(BytesIO(base64.b64decode(encoded))) as image:
        written = BytesIO()
        image.convert("RGBA").quantize(COLOURS_OF_IMAGE, method=Image.Quantize.FASTOCTREE).save(
            written, "png", optimize=True
        )
    return base64.b64encode(written.getvalue()).decode("ascii")
