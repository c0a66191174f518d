"""The visual identity of every figure: size, type, colour, and what each mark means.

Dark blue is what was computed, burnt orange is what it is held against, grey is context. Hue never works alone:
shape, fill, position or a printed number says the same, so a figure reads in grey and to colour-blind readers. Titles
inside an image name panels only; the report captions the figure. Widths are the text width of an A4 page, and type is
at least 7.5 points at that width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
LETTER = 0.0585  # inches: the mean width of a letter of the small type, rounded up

INK, GREY, RULE, WASH = "#222222", "#666666", "#d4d4d4", "#efefef"
COMPUTED, HELD = "#1b4f72", "#b3560f"
LOWER_END, UPPER_END = ("#b3560f", "#f0bd8a"), ("#9fc3de", "#1b4f72")  # of an answer scale, from its end to its middle
MARKS = "os^Dv<>P"
SHADES = ("#1b4f72", "#b3560f", "#5b9bc8", "#8a8a8a", "#0b2438", "#dfa06a", "#3d7a63", "#555555")


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
        "figure.dpi": 100,
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
    fig.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.02, hspace=0.03)
    if synthetic:
        fig.suptitle("Synthetic cohort", x=0.995, ha="right", fontsize=SMALL, style="italic", color=GREY)
    return fig, fig.subplots(rows, cols, squeeze=False, **grid)


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
    """One line above the panels that says what the marks are; used where a mark cannot carry its own label."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], linestyle="none", markersize=5, **look) for _, look in entries]
    space = WIDTH - 0.2
    widths = [len(label) * LETTER + 0.35 for label, _ in entries]
    columns = len(entries)
    if sum(widths) > space:
        columns = max(1, int(space / max(widths)))
    # A legend fills its columns first; readers go along the lines.
    order = [i for start in range(columns) for i in range(start, len(entries), columns)]
    fig.legend(
        [handles[i] for i in order],
        [entries[i][0] for i in order],
        loc="outside upper left",
        ncols=columns,
        frameon=False,
        handletextpad=0.3,
        columnspacing=1.4,
        borderaxespad=0,
        borderpad=0.1,
    )


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
    """``text`` on as many lines as it needs at ``width`` inches; a word longer than that stays whole."""
    letters = max(6, int(width / (LETTER * size / SMALL)))
    return "\n".join(wrap(text, letters, break_long_words=False, break_on_hyphens=False)) or text


def lines(text: str) -> int:
    return text.count("\n") + 1


def answer_colours(number: int) -> list[str]:
    """Colours of a scale of ``number`` answers from lowest to highest; an odd number has a grey middle."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    half = number // 2

    def between(ends: tuple[str, str]) -> list[str]:
        ramp = LinearSegmentedColormap.from_list("", ends)
        return [to_hex(ramp(i / (half - 1) if half > 1 else (ends is UPPER_END) * 1.0)) for i in range(half)]

    return between(LOWER_END) + ([RULE] if number % 2 else []) + between(UPPER_END)


def diverging() -> Any:
    """Colours for loadings from -1 (orange) through white to 1 (blue)."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("loadings", [HELD, "#f6dcc2", "#ffffff", "#cfe1ef", COMPUTED])
