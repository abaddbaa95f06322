"""The tree of the groups as lines and words for a page, in its own colours and theme."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

WIDTH, LEFT, OF_NAMES, ROW, TOP = 720, 30, 190, 30, 16
"""Pixels: of the drawing, left of the root, of the names at the right, of a group, at the top."""


def drawn_tree(tree: pd.DataFrame, colours: Mapping[int, str]) -> dict[str, Any] | None:
    """Return lines (svg paths), splits (place and support in %) and leaves (place, colour, name) of
    the tree, with width and height; None for one group.

    ``tree``: a row a leaf in the order in which they break off: ``leaf`` breaks off ``parent`` (-1:
    the root) at ``height`` and belongs to ``group``. Leaves of one group are one.
    """
    ordered = tree.sort_values("leaf")
    group_of = dict(zip(ordered["leaf"], ordered["group"], strict=True))
    firsts = ordered.drop_duplicates("group")
    if len(firsts) < 2:
        return None
    splits = [
        (row.group, group_of[row.parent], row.height, row.support)
        for row in firsts.itertuples()
        if row.parent >= 0
    ]
    rows = _rows(int(firsts["group"].iloc[0]), splits)
    cells = ordered.groupby("group")["cells"].sum()
    right = WIDTH - OF_NAMES
    at = {group: (float(right), TOP + ROW * (i + 0.5)) for i, group in enumerate(rows)}
    leaves = [
        {
            **{"x": x, "y": y, "colour": colours.get(group, "var(--muted)")},
            "text": f"{group} · {cells[group]:,} cells".replace(",", "\u202f"),
        }
        for group, (x, y) in at.items()
    ]
    lines, marks = [], []
    for group, parent, height, support in reversed(splits):  # the last split joins first
        (x, y), (x_parent, y_parent) = at[group], at[parent]
        joined = right - min(max(height, 0.0), 1.0) * (right - LEFT)
        lines.append(f"M{x:.1f} {y:.1f}H{joined:.1f}V{y_parent:.1f}H{x_parent:.1f}")
        middle = (y + y_parent) / 2
        at[parent] = (joined, middle)
        if not pd.isna(support):
            text = f"{100 * support:.0f}"
            marks.append({"x": round(joined - 4, 1), "y": round(middle - 5, 1), "text": text})
    return {
        "width": WIDTH,
        "height": TOP * 2 + ROW * len(rows),
        **{"lines": lines, "splits": marks, "leaves": leaves},
    }


def _rows(root: int, splits: list[tuple[int, int, float, float]]) -> list[int]:
    """Return the groups from top to bottom, so that no lines cross: what breaks off a group later
    lies nearer to it.
    """
    order = [root]
    for group, parent, _, _ in splits:
        order.insert(order.index(parent) + 1, group)
    return order
