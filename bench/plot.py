"""Pictures of what was measured: ``python -m bench.plot`` draws the history into ``docs/performance-*.svg``.

Curves are those of the last run that has them; the history shows every run. Nothing is drawn that was not measured.
"""

import argparse
import json
import textwrap
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bench.table import HISTORY

DOCS: Final = Path(__file__).parents[1] / "docs"
INK, FAINT, LIMIT = "#22303c", "#c9d1d8", "#c0392b"
COLOURS: Final = {"bare route": "#7f8c8d", "cart": "#1f77b4", "cartLinesAdd": "#e67e22"}
COLUMNS: Final = 3
STYLE: Final[dict[Any, Any]] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#e8ecef",
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "panier",  # the same picture of the same figures
}

Run = dict[str, Any]


def last_curve(runs: list[Run], name: str) -> list[list[float]]:
    """Return the points of a curve from the last run that has it; empty where none has."""
    return next((run["curves"][name]["points"] for run in reversed(runs) if name in run["curves"]), [])


def latency(runs: list[Run]) -> Figure | None:
    """Draw how long requests take, from little load to nearly as much as is possible."""
    curves = {name: last_curve(runs, f"latency: {name}") for name in COLOURS}
    if not all(curves.values()):
        return None
    figure = Figure(figsize=(8.5, 5), layout="constrained")
    axes = figure.add_subplot()
    for name, colour in COLOURS.items():
        rates, p50, p99 = zip(*curves[name], strict=True)
        axes.plot(rates, p99, color=colour, linewidth=2.2, marker="o", markersize=4, label=f"{name}, p99")
        axes.plot(rates, p50, color=colour, linewidth=1.2, linestyle=(0, (1, 1.5)), label=f"{name}, p50")
    rates, _, p99 = zip(*curves["bare route"], strict=True)
    axes.plot(rates, [3 * each for each in p99], color=LIMIT, linewidth=1.2, linestyle="--", label="bare p99 x 3")
    for scale, axis in ((axes.set_xscale, axes.xaxis), (axes.set_yscale, axes.yaxis)):
        scale("log")
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.set_xlabel("requests a second, at a steady rate: a tenth to nine tenths of each one's highest")
    axes.set_ylabel("milliseconds from when a request is due")
    axes.set_title("How long a request takes, by load")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)
    return figure


def promotions(runs: list[Run]) -> Figure | None:
    """Draw how long a cart takes to evaluate, by the number of promotions that there are."""
    points = last_curve(runs, "evaluate: ten of so many match")
    if not points:
        return None
    figure = Figure(figsize=(7.5, 4), layout="constrained")
    axes = figure.add_subplot()
    counts, times_us = zip(*points, strict=True)
    axes.plot(counts, times_us, color=COLOURS["cart"], linewidth=2.2, marker="o", markersize=6)
    for count, time_us in points:
        axes.annotate(f"{time_us:.0f}", (count, time_us), (0, 9), textcoords="offset points", ha="center", fontsize=9)
    limit = 1.5 * times_us[0]
    _limit(axes, limit, "1.5 times as long as with 10 promotions")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_ylim(0, limit * 1.2)
    axes.set_xlabel("promotions, of which the same ten match the cart")
    axes.set_ylabel("microseconds of one core")
    axes.set_title("Evaluating a 20-line cart, by the number of promotions")
    return figure


def history(runs: list[Run]) -> Figure:
    """Draw each row of the table over all runs, one small picture a row."""
    rows = {row["what"]: row for run in runs for row in run["rows"]}
    lines = -(-len(rows) // COLUMNS)
    figure = Figure(figsize=(4.1 * COLUMNS, 2.35 * lines), layout="constrained")
    figure.suptitle("What was measured, run by run, beside what is to be reached", fontsize=13, fontweight="bold")
    for place, (what, row) in enumerate(rows.items(), 1):
        axes = figure.add_subplot(lines, COLUMNS, place)
        measured = [
            (number, each["value"])
            for number, run in enumerate(runs, 1)
            for each in run["rows"]
            if each["what"] == what
        ]
        numbers, values = zip(*measured, strict=True)
        axes.plot(numbers, values, color=COLOURS["cart"], linewidth=1.8, marker="o", markersize=4)
        axes.annotate(_short(values[-1]), (numbers[-1], values[-1]), (6, 0), textcoords="offset points", va="center")
        _limit(axes, row["limit"], f"at {'least' if row['at_least'] else 'most'} {row['limit']:,g}")
        axes.set_title("\n".join(textwrap.wrap(what.replace("`", ""), 46)), fontsize=8.5)
        axes.set_ylabel(row["unit"], fontsize=8)
        axes.tick_params(labelsize=8)
        axes.set_xlim(0.5, len(runs) + 0.9)
        axes.set_ylim(0, 1.2 * max(*values, row["limit"]))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    return figure


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _limit(axes: Axes, value: float, text: str) -> None:
    axes.axhline(value, color=LIMIT, linewidth=1.2, linestyle="--")
    axes.annotate(
        text,
        (0.01, value),
        (0, 3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        color=LIMIT,
        fontsize=8,
    )


def main() -> None:
    """Draw all pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--history", type=Path, default=HISTORY)
    parser.add_argument("--to", type=Path, default=DOCS, help="the folder to write to")
    parser.add_argument("--format", default="svg")
    asked = parser.parse_args()
    runs = [json.loads(line) for line in asked.history.read_text(encoding="utf-8").splitlines()]
    for name, draw in (("history", history), ("latency", latency), ("promotions", promotions)):
        with mpl.rc_context(STYLE):
            figure = draw(runs)
            if figure is None:
                print(f"no figures for the picture of the {name} yet")
                continue
            path = asked.to / f"performance-{name}.{asked.format}"
            figure.savefig(path, dpi=110, metadata={"Date": None} if asked.format == "svg" else None)
            print(path)


if __name__ == "__main__":
    main()
