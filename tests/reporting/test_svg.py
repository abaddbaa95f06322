import re
from xml.etree import ElementTree

from latentbench.reporting.style import INK, MUTED
from latentbench.reporting.svg import inline_svg


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
