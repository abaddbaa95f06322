import base64
import re
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from latentbench.figures.style import INK, MUTED, save
from latentbench.figures.svg import inline_svg


def test_an_inlined_figure_is_whole_xml_with_a_text_alternative(svg):
    root = ElementTree.fromstring(inline_svg(svg, prefix="one", title='scores of "a" & b'))
    assert root.attrib["aria-label"] == 'scores of "a" & b'
    assert root.attrib["role"] == "img"


def test_two_figures_share_no_id_and_every_reference_resolves(svg):
    first, second = (inline_svg(svg, prefix=prefix, title="t") for prefix in ("a", "b"))
    ids = [set(re.findall(r'\bid="([^"]+)"', markup)) for markup in (first, second)]
    assert ids[0]
    assert ids[0].isdisjoint(ids[1])
    assert set(re.findall(r"url\(#([^)]+)\)", first)) <= ids[0]


def test_neutral_colours_follow_the_theme_and_data_colours_stay(svg):
    markup = inline_svg(svg, prefix="a", title="t")
    assert INK not in markup
    assert MUTED not in markup
    assert "var(--ink)" in markup
    assert "#0072b2" in markup


def test_text_of_a_label_stays_text(svg):
    markup = inline_svg(svg, prefix="a", title="t")
    assert "<script" not in markup
    assert "$1$" in markup


def test_the_copy_has_fewer_bytes_and_looks_the_same(tmp_path):
    random = np.random.default_rng(0)
    figure = Figure(figsize=(3, 3))
    ax = figure.subplots()
    ax.scatter(
        *random.normal(size=(2, 400)), c=random.choice(["#0072b2", "#e69f00"], 400), rasterized=True
    )
    ax.plot([0, 1 / 3], [0, 1 / 7])
    save(figure, [tmp_path / "points.svg"])
    markup = inline_svg(tmp_path / "points.svg", prefix="p", title="points")
    assert len(markup) < 0.6 * len((tmp_path / "points.svg").read_text())
    images = [
        re.search(r"base64,([^\"]+)", text)[1]
        for text in ((tmp_path / "points.svg").read_text(), markup)
    ]
    before, after = (
        np.asarray(Image.open(BytesIO(base64.b64decode(each))).convert("RGBA"), dtype=float)
        for each in images
    )
    assert np.abs(before - after)[..., 3].mean() < 2
    assert np.abs((before - after) * (before[..., 3:] > 250)).mean() < 2
    numbers = [
        re.findall(r"[\d.]+", " ".join(re.findall(r'<path d="([^"]*)"', text)))
        for text in ((tmp_path / "points.svg").read_text(), markup)
    ]
    assert len(numbers[0]) == len(numbers[1]) > 4
    assert np.abs(np.array(numbers[0], float) - np.array(numbers[1], float)).max() <= 0.05 + 1e-9


def test_numbers_in_texts_are_left_alone(tmp_path):
    figure = Figure(figsize=(2, 1))
    figure.subplots().set_title("0.123456")
    save(figure, [tmp_path / "text.svg"])
    assert ">0.123456<" in inline_svg(tmp_path / "text.svg", prefix="p", title="text")
