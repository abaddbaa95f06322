"""Lines of the diagrams: an arrow for what is computed or drawn from something, a dotted line with
a round head for what is inferred from it.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Polygon

from latentbench.figures.diagrams.plate_layout import Curve
from latentbench.figures.style import INK

DOTTED = (0, (0.8, 1.8))


def draw_arrow(
    ax: Axes, curve: Curve, *, colour: str = INK, width: float = 0.9, head: float = 0.2
) -> None:
    """Draw a line that ends in a filled triangle whose tip is the curve's end; ``head`` is the
    triangle's length.
    """
    half_width = 0.425 * head
    tip = curve[-1]
    base = curve[np.hypot(*(curve - tip).T) > 0.8 * head]
    back = base[-1] - tip
    back /= np.hypot(*back)
    corner = tip + head * back
    across = half_width * np.array([-back[1], back[0]])
    ax.plot(*_thinned(base).T, "-", lw=width, color=colour, solid_capstyle="butt")
    ax.add_patch(
        Polygon([tip, corner + across, corner - across], closed=True, fc=colour, ec="none")
    )


def draw_round_headed(ax: Axes, curve: Curve) -> None:
    """Draw a dotted line that ends in a dot touching the node."""
    radius = 0.075
    centre = curve[np.hypot(*(curve - curve[-1]).T) > 0.8 * radius][-1]
    line = curve[np.hypot(*(curve - centre).T) > radius]
    before = line[: np.argmin(np.hypot(*(line - centre).T)) + 1]
    ax.plot(*_thinned(before).T, lw=1.0, color=INK, ls=DOTTED, dash_capstyle="round")
    ax.add_patch(Circle(tuple(centre), radius, fc=INK, ec="none"))


def _thinned(curve: Curve) -> Curve:
    """Every sixth point, and the last one: as smooth to the eye, and a smaller file."""
    return np.vstack([curve[:-1:6], curve[-1:]])
