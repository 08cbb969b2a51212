"""Edits of a taxonomy folder, as a person makes them."""

import csv
import io
from pathlib import Path


def line_of(cells: tuple[str, ...]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow(cells)
    return written.getvalue()


def add(folder: Path, name: str, *cells: str) -> int:
    """Write a line at the end of a table; its number."""
    with (folder / name).open("a", encoding="utf-8", newline="") as stream:
        stream.write(line_of(cells) + "\n")
    return (folder / name).read_text("utf-8").count("\n")


def put(folder: Path, name: str, old: str, new: str) -> None:
    """Write something else in place of what stands there once."""
    text = (folder / name).read_text("utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
    (folder / name).write_text(text.replace(old, new), "utf-8")
