"""A plot of days as SVG: what a day took, over the accounts and the history that it came onto.

Usage: python bench/plot.py days.csv > days.svg

Here: panels, scales and lines. Not here: what is plotted (`day` measures it).
"""

import csv
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_WIDTH, _PANEL, _LEFT, _RIGHT, _TOP, _GAP = 860, 170, 60, 200, 52, 46
_GREY = "#8a8f98"
_PANELS = (
    ("CPU seconds of a day", (("cpu_s", "CPU", "#1f6feb"),)),
    ("Peak memory of a day, MB", (("peak_mb", "peak", "#c2410c"),)),
    (
        "Tables on disk after the night, MB",
        (("disk_mb", "disk", "#15803d"), ("live_mb", "live", "#86b894")),
    ),
)
_BEHIND = (("accounts", "accounts", "2 3"), ("history_rows", "rows of history", "7 4"))
"""Grey and dashed in every panel, on a scale of its own that begins at 0: what grows meanwhile."""

Row = Mapping[str, float]


def days(rows: Sequence[Row]) -> str:
    """The picture of some days.

    Args:
        rows: One for each day, with `day`, `accounts`, `history_rows`, `cpu_s`, `peak_mb`,
            `disk_mb` and `live_mb`.

    Returns:
        SVG, the same for the same rows.
    """
    height = _TOP + len(_PANELS) * (_PANEL + _GAP) + 10
    first, last = rows[0], rows[-1]
    head = (
        f"{len(rows)} days of {first['rows']:,.0f} rows: {first['accounts']:,.0f} accounts grow to "
        f"{last['accounts']:,.0f}, {first['history_rows']:,.0f} rows of history to "
        f"{last['history_rows']:,.0f}"
    )
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        _text(_LEFT, 22, head, size=14),
    ]
    for number, (title, drawn) in enumerate(_PANELS):
        lines += _panel(rows, title, drawn, _TOP + number * (_PANEL + _GAP))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _panel(
    rows: Sequence[Row], title: str, drawn: Sequence[tuple[str, str, str]], top: float
) -> Iterator[str]:
    most = _round(max(row[key] for row in rows for key, *_ in drawn))
    bottom, right = top + _PANEL, _WIDTH - _RIGHT
    yield _text(_LEFT, top - 8, title, weight="bold")
    for part in range(5):
        y = bottom - _PANEL * part / 4
        yield f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="#e5e7eb"/>'
        yield _text(_LEFT - 8, y + 4, f"{most * part / 4:,.4g}", anchor="end")
    step = max(1, len(rows) // 6)
    for row in (each for each in rows if not each["day"] % step):
        yield _text(_x(rows, row), bottom + 16, f"{row['day']:.0f}", anchor="middle")
    ends = []
    for key, label, dash in _BEHIND:
        scale = max(row[key] for row in rows)
        yield _line(rows, key, scale, bottom, _GREY, f' stroke-dasharray="{dash}"')
        ends.append((bottom - _PANEL, f"{label} to {scale:,.0f}", _GREY))
    for key, label, colour in drawn:
        yield _line(rows, key, most, bottom, colour, ' stroke-width="2"')
        last = rows[-1][key]
        ends.append((bottom - _PANEL * last / most, f"{label} {last:,.4g}", colour))
    # Labels at the ends of lines, apart where these meet.
    at = top - 14
    for y, label, colour in sorted(ends):
        at = max(y + 4, at + 15)
        yield _text(right + 8, at, label, fill=colour)


def _line(
    rows: Sequence[Row], key: str, scale: float, bottom: float, colour: str, style: str
) -> str:
    points = " ".join(
        f"{_x(rows, row):.1f},{bottom - _PANEL * row[key] / scale:.1f}" for row in rows
    )
    return f'<polyline points="{points}" fill="none" stroke="{colour}"{style}/>'


def _x(rows: Sequence[Row], row: Row) -> float:
    first, last = rows[0]["day"], rows[-1]["day"]
    return _LEFT + (_WIDTH - _RIGHT - _LEFT) * (row["day"] - first) / max(1, last - first)


def _round(value: float) -> float:
    """The next number above that reads well."""
    power = 10 ** math.floor(math.log10(value)) if value > 0 else 1
    return next(power * step for step in (1, 1.2, 1.6, 2, 3, 4, 6, 8, 10) if power * step >= value)


def _text(
    x: float,
    y: float,
    words: str,
    *,
    size: int = 12,
    anchor: str = "start",
    fill: str = "#1f2328",
    weight: str = "normal",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}" '
        f'font-weight="{weight}">{words}</text>'
    )


if __name__ == "__main__":
    with Path(sys.argv[1]).open() as file:
        read = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    sys.stdout.write(days(read[1:]))
