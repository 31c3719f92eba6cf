"""Pictures that are legible on a light page and on a dark one: transparent, with ink of a middle grey."""

from collections.abc import Sequence

import numpy as np

INK = "#7a7f87"  # contrast of about 4 to 1 on white and on the dark page
COLOURS = ["#3b82c4", "#d9730d", "#2e9e6b", "#c0508f", "#8a6fd1"]  # told apart by people who see red and green alike


def style() -> None:
    """Give every figure drawn from here on the course's look, at double pixel density in a notebook."""
    import matplotlib.pyplot as plt
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    plt.rcdefaults()
    plt.rcParams.update(
        {
            "figure.figsize": (6.4, 3.2),
            "figure.facecolor": "none",
            "figure.constrained_layout.use": True,
            "axes.facecolor": "none",
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "axes.titlecolor": INK,
            "axes.titlesize": "medium",
            "axes.prop_cycle": plt.cycler(color=COLOURS),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "grid.color": INK,
            "grid.alpha": 0.25,
            "legend.frameon": False,
            "lines.linewidth": 2,
        }
    )
    set_matplotlib_formats("retina")


def words(ax, points: np.ndarray, labels: Sequence[str], colour: str = COLOURS[0]) -> None:
    """Draw each word at its point. Shapes: points (N, 2), N labels."""
    ax.scatter(*points.T, s=14, color=colour)
    for point, label in zip(points, labels, strict=True):
        ax.annotate(label, point, xytext=(4, 3), textcoords="offset points", fontsize="small")
