"""Colours, order and style of every figure: one place."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from zlib import crc32

import matplotlib as mpl
import pandas as pd
from matplotlib import style
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure

from latentbench.files.artefacts import atomic_path
from latentbench.prediction.tables import ALL_METHODS
from latentbench.study.applicability import CONSENSUS

WIDTH = 7.0
"""Inches: the text block of an A4 page."""

NOTHING = "nothing to show"
"""What the svg of a figure without content says of itself."""

STYLE_SHEET = Path(__file__).with_name("latentbench.mplstyle")
INK, MUTED, GRID = "#1f2328", "#6a717b", "#d9dce1"
"""The style sheet's three neutral colours: the report page exchanges them for those of its
light or dark theme."""

WIDTH_OF_LETTER = 0.68
"""Of an average letter of bold text, in its size."""

ON_PALE = "#20242a"
"""Ink on a pale patch: it stays dark in either theme, as the patch stays pale."""

MODEL_COLOURS: dict[str, str] = {
    "pca": "#0072b2",
    "leiden_pca": "#56b4e9",
    "ae": "#d55e00",
    "vae": "#e69f00",
    "vae_nb": "#a66a1e",
    "gmvae": "#009e73",
    "gmvae_dirichlet": "#cc79a7",
    CONSENSUS: "#7346c8",
}
"""The built-in variants, in the order in which every figure and table shows them (Okabe and Ito
2008, doi:10.1038/nmeth.1618)."""

CONTROL_COLOURS: dict[str, str] = {
    "random_projection": "#8d949e",
    "shuffled_labels": "#a9afb7",
    "true_labels": "#747b86",
}
"""The controls: grey, and last."""

OTHER_COLOURS: tuple[str, ...] = (
    "#8778ff",
    "#a52d69",
    "#5fc79a",
    "#b44b4b",
    "#4b6fd3",
    "#a5a03c",
    "#f05a69",
    "#7d4fb3",
    "#3f9aa5",
    "#c86fd2",
)
"""For variants of the user's own."""

LABEL_COLOURS: tuple[str, ...] = (
    *(
        "#0072b2",
        "#e69f00",
        "#009e73",
        "#cc79a7",
        "#56b4e9",
        "#d55e00",
        "#a35a5a",
        "#7346c8",
        "#78e1b4",
        "#8778ff",
    ),
    *(
        "#a52d69",
        "#874b00",
        "#a5b487",
        "#0f4bc3",
        "#d2d24b",
        "#78005a",
        "#c3c3ff",
        "#b44b4b",
        "#f05a69",
        "#ff78d2",
    ),
)
"""Okabe and Ito's six, then greedily the colour farthest from all before it in OKLab, as seen
with normal vision and with each kind of dichromacy."""

UNLABELLED = "#b9bec6"


SHARES = LinearSegmentedColormap.from_list("shares", ["#e6f1f7", "#56b4e9", "#0072b2", "#08304f"])
"""Light to dark in one hue: lightness falls steadily."""


def apply_style() -> None:
    """Use the style sheet, and no window system, for every figure from here on."""
    mpl.use("agg")
    style.use(STYLE_SHEET)


def model_order(kinds: Mapping[str, str]) -> list[str]:
    """Return the models (``kinds``: model -> kind) in their one order: built-in, others by name,
    controls.
    """
    known, controls = list(MODEL_COLOURS), list(CONTROL_COLOURS)

    def place(model: str) -> tuple[int, int, str]:
        if kinds[model] in controls:
            return 2, controls.index(kinds[model]), model
        return (0, known.index(model), model) if model in known else (1, 0, model)

    return sorted(kinds, key=place)


def model_colours(kinds: Mapping[str, str]) -> dict[str, str]:
    """Return a colour for every model: fixed for the built-in ones and the controls, by name for
    all others.
    """
    colours: dict[str, str] = {}
    for model in model_order(kinds):
        fixed = CONTROL_COLOURS.get(kinds[model]) or MODEL_COLOURS.get(model)
        colours[model] = fixed or _colour_by_name(model, taken=set(colours.values()))
    return colours


def label_colours(labels: Iterable[str], *, first: int = 0) -> dict[str, str]:
    """Return a colour for every label, in the order given, from the palette's ``first`` on; past
    twenty the colours come round again, lighter.
    """
    distinct = list(dict.fromkeys(labels))
    return {
        label: lighten(
            LABEL_COLOURS[(first + i) % len(LABEL_COLOURS)], 0.25 * (i // len(LABEL_COLOURS))
        )
        for i, label in enumerate(distinct)
    }


def natural_order(texts: Iterable[str]) -> list[str]:
    """Return the distinct texts sorted, numbers by their value."""
    return sorted(
        {str(text) for text in texts},
        key=lambda text: (0, float(text), text) if _is_number(text) else (1, 0.0, text),
    )


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdigit()


def size_to_fit(text: str, inches: float, *, size: float) -> float:
    """Return the size in points, at most ``size``, at which one line of bold text is no wider than
    ``inches``.
    """
    return min(size, 72 * inches / (WIDTH_OF_LETTER * max(len(text), 1)))


def lighten(colour: str, share: float) -> str:
    """Return ``colour`` mixed with white; ``share`` 0 leaves it, 0.9 and above is nearly white."""
    share = min(share, 0.9)
    return "#" + "".join(
        f"{round(255 * (channel + (1 - channel) * share)):02x}" for channel in to_rgb(colour)
    )


def nothing_to_show(reason: str) -> Figure:
    """Return a figure that says why there is nothing to draw, for what only a run can tell; the
    page leaves it out.
    """
    figure = Figure(figsize=(WIDTH, 0.4), layout="none")
    figure.text(0.01, 0.5, f"Nothing to show: {reason}.", va="center")
    figure.set_label(NOTHING)
    return figure


def save(figure: Figure, paths: Iterable[str | Path]) -> None:
    """Write a figure under every path (``.pdf``, ``.svg``, ``.png``), without dates, so that the
    same data gives the same bytes.
    """
    figure.draw_without_rendering()
    # The layout is settled once, not again for every format.
    figure.set_layout_engine("none")
    for path in map(Path, paths):
        undated = {
            ".pdf": {"CreationDate": None},
            ".svg": {"Date": None, "Description": figure.get_label() or None},
            ".png": {"Software": None},
        }[path.suffix]
        face = {"facecolor": "white"} if path.suffix == ".png" else {}
        with atomic_path(path) as temporary:
            figure.savefig(temporary, metadata=undated, **face)


def _colour_by_name(model: str, taken: set[str]) -> str:
    """The name's own place in the list, or the next one that is free: adding a model seldom
    recolours another.
    """
    start = crc32(model.encode()) % len(OTHER_COLOURS)
    turned = OTHER_COLOURS[start:] + OTHER_COLOURS[:start]
    return next((colour for colour in turned if colour not in taken), turned[0])


def method_colours(predictions: pd.DataFrame) -> dict[str, str]:
    """Return a colour for every method, in the order in which they are shown: models, then, in
    grey, what needs no network and so has no seed.
    """
    return colours_in_order(predictions[predictions["model"] != ALL_METHODS])


def colours_in_order(asked: pd.DataFrame) -> dict[str, str]:
    """Return a colour for every method that answered, in that order: those with a seed first;
    columns model and seed.
    """
    has_seed = asked.groupby("model", sort=True)["seed"].apply(lambda seeds: seeds.notna().any())
    models = model_colours({str(model): "" for model in has_seed.index[has_seed]})
    return models | dict(zip(has_seed.index[~has_seed], CONTROL_COLOURS.values(), strict=False))
