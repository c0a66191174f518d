"""The visual identity of every figure: size, type, colour, and what each mark means.

Dark blue is what was computed, burnt orange is what it is held against, grey is context. Hue never works alone:
shape, fill, position or a printed number says the same, so a figure reads in grey and to colour-blind readers. Titles
inside an image name panels only; the report captions the figure. Widths are the text width of an A4 page, and type is
at least 7.5 points at that width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from learning_survey.tables import replacing

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, TALLEST = 6.3, 8.7  # inches: the text of an A4 page with margins of 25 mm, and room below for a caption
SMALL, TYPE = 7.5, 8.0  # points
LINE = 0.165  # inches: a line of small type in the strip above the panels
LETTER = 0.0585  # inches: the mean width of a letter of the small type, rounded up

INK, GREY, RULE, WASH = "#222222", "#666666", "#d4d4d4", "#efefef"
COMPUTED, HELD = "#1b4f72", "#b3560f"
LOWER_END, UPPER_END = ("#b3560f", "#e9ad74"), ("#9fc3de", "#1b4f72")  # of an answer scale, from its end to its middle
MARKS = "os^Dv<>P"
LIGHT, BAND = "#4f94c4", "#f3dcc6"
SHADES = (COMPUTED, LIGHT, "#8a8a8a", "#0b2438", "#9fc3de", "#555555", "#2f7f86", "#b5b5b5")


@contextmanager
def applied() -> Iterator[None]:
    """Draw and save inside this: seaborn's ticks style in our type and colours, and the same bytes every time."""
    import matplotlib as mpl

    mpl.use("Agg")
    import seaborn as sns

    own = {
        "font.family": "DejaVu Sans",  # comes with matplotlib, so every machine has it
        "font.size": SMALL,
        "axes.labelsize": SMALL,
        "axes.titlesize": TYPE,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlepad": 4,
        "axes.linewidth": 0.6,
        "axes.edgecolor": GREY,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "text.color": INK,
        "text.parse_math": False,  # a label with two dollar signs is no formula
        "xtick.labelsize": SMALL,
        "ytick.labelsize": SMALL,
        "xtick.color": GREY,
        "ytick.color": GREY,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 3,
        "ytick.major.size": 3,
        "legend.fontsize": SMALL,
        "lines.linewidth": 1.1,
        "svg.fonttype": "path",  # the PDF renderer does not have our type
        "svg.hashsalt": "learning-survey",
        "figure.dpi": 200,
        "text.hinting": "none",  # so that type is as wide when it is measured as when it is drawn
    }
    with mpl.rc_context({**sns.plotting_context("paper"), **sns.axes_style("ticks"), **own}):
        yield


def canvas(height: float, *, synthetic: bool, rows: int = 1, cols: int = 1, **grid: Any) -> tuple[Figure, np.ndarray]:
    """A figure of the text's width and ``height`` inches, and its axes as a rows × cols array.

    A synthetic study's figure says so in a strip of its own above the panels.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    fig = Figure(figsize=(WIDTH, min(height, TALLEST)), layout="constrained")
    FigureCanvasAgg(fig)
    fig.get_layout_engine().set(w_pad=0.04, h_pad=0.04, wspace=0.03, hspace=0.03)
    if synthetic:
        strip(fig, 1)
        look = {"style": "italic", "color": GREY, "ha": "right", "va": "center_baseline", "in_layout": False}
        fig.text(0, 0, "Synthetic cohort", transform=in_strip(fig, WIDTH - 0.04, 0), **look)
    return fig, fig.subplots(rows, cols, squeeze=False, **grid)


def strip(fig: Figure, rows: int) -> None:
    """Keep the panels out of a strip at the top for ``rows`` lines of type; the second and later ones add height."""
    fig.set_figheight(min(TALLEST, fig.get_figheight() + LINE * (rows - 1)))
    fig.get_layout_engine().set(rect=(0, 0, 1, 1 - (LINE * rows + 0.04) / fig.get_figheight()))


def in_strip(fig: Figure, x: float, row: int) -> Any:
    """The transform that puts (0, 0) at ``x`` inches from the left in the middle of a line of the strip."""
    from matplotlib.transforms import Affine2D, ScaledTranslation

    top = Affine2D().translate(0, 1) + fig.transFigure
    return top + ScaledTranslation(x, -0.03 - LINE * (row + 0.5), fig.dpi_scale_trans)


def save(fig: Figure, stem: Path) -> None:
    """Write ``<stem>.svg`` and ``<stem>.png`` (200 dots per inch), without dates or versions in them."""
    fig.draw_without_rendering()
    fig.set_layout_engine("none")  # the layout is solved; both formats share it
    with replacing(stem.with_name(stem.name + ".svg")) as path:
        fig.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    with replacing(stem.with_name(stem.name + ".png")) as path:
        fig.savefig(path, format="png", dpi=200, metadata={"Software": None})


# ---------------------------------------------------------------- parts of figures


def rows_axis(ax: Axes, labels: Sequence[str], width: float = 1.9) -> None:
    """One row per label, the first on top; labels wrap at ``width`` inches."""
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.set_yticks(range(len(labels)), [folded(label, width) for label in labels])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="y", color=WASH, linewidth=0.7)
    ax.set_axisbelow(True)


def points(ax: Axes, x: Any, y: Any, low: Any, high: Any, *, colour: str = COMPUTED, **look: Any) -> None:
    """Estimates with their intervals lying across; an estimate that is not a number leaves its place empty."""
    style = {"marker": "o", "s": 20, "facecolor": colour, "edgecolor": colour, "linewidth": 0.9, "zorder": 3} | look
    ax.hlines(y, low, high, color=colour, linewidth=1.3, zorder=2)
    ax.scatter(x, y, **style)


def held_against(ax: Axes, x: Any, y: Any) -> None:
    """Published values: open orange diamonds, drawn over what was computed so that neither hides the other."""
    ax.scatter(x, y, marker="D", s=34, facecolor="none", edgecolor=HELD, linewidth=1.1, zorder=4)


def key(fig: Figure, entries: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Lines above the panels that say what the marks are; for marks that cannot carry their own label."""
    from matplotlib.lines import Line2D

    end = WIDTH - (0.97 if fig.texts else 0.05)  # a synthetic study's mark stands at the right
    x, row = 0.08, 0
    for label, look in entries:
        text = fig.text(0, 0, label, va="center_baseline", in_layout=False)
        width = text.get_window_extent().width / fig.dpi
        if x > 0.08 and x + 0.1 + width > end:
            x, row = 0.08, row + 1
        mark = Line2D([0], [0], linestyle="none", markersize=5, transform=in_strip(fig, x, row), **look)
        text.set_transform(in_strip(fig, x + 0.1, row))
        mark.set_in_layout(False)
        fig.add_artist(mark)
        x += 0.1 + width + 0.21
    strip(fig, row + 1)


def filled(colour: str = COMPUTED, marker: str = "o") -> dict[str, Any]:
    return {"marker": marker, "markerfacecolor": colour, "markeredgecolor": colour}


def hollow(colour: str, marker: str) -> dict[str, Any]:
    return {"marker": marker, "markerfacecolor": "white", "markeredgecolor": colour}


def nothing(fig: Figure, axes: np.ndarray, least: int) -> Figure:
    """A figure whose every number is withheld says so."""
    leave_out(axes, 0)
    text = f"Nothing to show: every number rests on fewer than {least} people or could not be computed."
    fig.text(0.5, 0.5, text, ha="center", va="center", color=GREY)
    return fig


def leave_out(axes: np.ndarray, used: int) -> None:
    """Take away the panels of a grid after the first ``used``."""
    for ax in axes.flat[used:]:
        ax.set_axis_off()


def folded(text: str, width: float, size: float = SMALL) -> str:
    """``text`` on as few lines as ``width`` inches allow, evenly filled; a longer word stays whole."""
    letters = max(6, int(width / (LETTER * size / SMALL)))
    split = partial(wrap, text, break_long_words=False, break_on_hyphens=False)
    fewest = len(split(letters))
    while letters > 6 and len(split(letters - 1)) == fewest:
        letters -= 1
    return "\n".join(split(letters))


def lines(text: str) -> int:
    return text.count("\n") + 1


def short_labels(labels: list[str], ids: list[str], width: float) -> tuple[list[str], str]:
    """Tick labels that fit ``width`` inches: labels, else short ids, else numbers and a line to explain them."""
    split = [folded(label, width) for label in labels]
    if all(lines(text) <= 2 and max(map(len, text.split("\n"))) * LETTER <= width for text in split):
        return split, ""
    if max(map(len, ids)) <= min(4, width / LETTER):
        return ids, ""
    numbers = [str(i) for i in range(1, len(labels) + 1)]
    return numbers, "    ".join(f"{i} {label}" for i, label in zip(numbers, labels, strict=True))


def pitch(labels: Sequence[str], width: float, least: float, series: int = 1) -> float:
    """Inches from row to row that keep labels folded at ``width`` and ``series`` marks to a row apart."""
    return max(least, 0.118 * max(lines(folded(label, width)) for label in labels) + 0.03, 0.13 + 0.1 * series)


def answer_colours(number: int) -> list[str]:
    """Colours of a scale of ``number`` answers from lowest to highest; an odd number has a grey middle."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    half = number // 2

    def between(ends: tuple[str, str]) -> list[str]:
        ramp = LinearSegmentedColormap.from_list("", ends)
        return [to_hex(ramp(i / (half - 1) if half > 1 else float(ends is UPPER_END))) for i in range(half)]

    return between(LOWER_END) + (["#e6e6e6"] if number % 2 else []) + between(UPPER_END)


def diverging() -> Any:
    """Colours for loadings from -1 (orange) through white to 1 (blue)."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("loadings", [HELD, "#f6dcc2", "#ffffff", "#cfe1ef", COMPUTED])
