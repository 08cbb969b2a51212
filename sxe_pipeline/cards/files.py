"""The files of a taxonomy folder as they are written, each entry with the line that holds it.

Here: reading. A file that cannot be read as what it is becomes a fault and not an error: who edits
wants all of them at once. Not here: whether the entries are right (`lint`), what they add up to
(`taxonomy`).
"""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from sxe_pipeline.schema import documents

LABELS = "taxonomy.yaml"
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "contexts.csv": ("phrase", "side", "scope", "reach", "language"),
    "denied_labels.csv": ("trait", "kind", "term"),
    "markets.csv": (
        *("market", "collection", "platform", "language"),
        *("country", "persona", "tribe"),
    ),
    "phrases.csv": ("label", "phrase", "language", "match", "weight"),
    "places.csv": ("place", "country", "region", "kind"),
    "routes.csv": (
        *("audience_pool", "execution_label", "account_type"),
        *("persona", "tribe", "follower_band", "market"),
    ),
    "stop_words.csv": ("language", "word"),
}
FILES = (*COLUMNS, LABELS)
"""In the order in which they are hashed."""

Keys = tuple[str, ...]
"""A key of the YAML file and those it stands under."""

_DEPTH = 3


class Fault(NamedTuple):
    """What is wrong with one line; line 0: with the file, or with what it lacks."""

    file: str
    line: int
    said: str

    def __str__(self) -> str:
        """As it is printed.

        Example:
            >>> str(Fault("phrases.csv", 7, "no weight")), str(Fault("routes.csv", 0, "is empty"))
            ('phrases.csv line 7: no weight', 'routes.csv: is empty')
        """
        where = f"{self.file} line {self.line}" if self.line else self.file
        return f"{where}: {self.said}"


class Row(NamedTuple):
    """One line of a table."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Files:
    """A folder as it was read.

    `content` is what `taxonomy.yaml` holds, `lines` where each of its keys stands, `faults` what
    could not be read; a table that could not be read is empty.
    """

    tables: Mapping[str, Sequence[Row]]
    content: Mapping[str, Any]
    lines: Mapping[Keys, int]
    faults: Sequence[Fault]


def digest(root: Path) -> str:
    """SHA-256 over every file that decides a label; one that is missing is left out."""
    sha256 = hashlib.sha256()
    for name in FILES:
        if (root / name).is_file():
            data = (root / name).read_bytes()
            sha256.update(f"{name} {len(data)}\n".encode() + data)
    return sha256.hexdigest()


def read(root: Path) -> Files:
    """Read a taxonomy folder, such as `contracts/taxonomy`: its entries, and what is unreadable."""
    faults: list[Fault] = []
    texts: dict[str, str] = {}
    for name in FILES:
        try:
            # What calls itself UTF-8 in a spreadsheet begins with a mark of that.
            texts[name] = (root / name).read_text("utf-8-sig")
        except OSError:
            faults.append(Fault(name, 0, "the taxonomy folder lacks it, or it cannot be opened"))
        except UnicodeDecodeError:
            faults.append(Fault(name, 0, "is no UTF-8; save it as UTF-8"))
    tables = {
        name: list(_rows(name, texts[name], faults)) if name in texts else [] for name in COLUMNS
    }
    content, lines = _labels(texts.get(LABELS, ""), faults)
    return Files(tables, content, lines, faults)


def _rows(name: str, text: str, faults: list[Fault]) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns = COLUMNS[name]
    try:
        header = tuple(next(reader, ()))
        if header != columns:
            faults.append(Fault(name, 1, f"the header is {','.join(columns)}"))
            return
        for cells in reader:
            if len(cells) == len(columns):
                yield Row(reader.line_num, dict(zip(columns, cells, strict=True)))
            elif cells:
                faults.append(
                    Fault(name, reader.line_num, "the line has more or fewer cells than the header")
                )
    except csv.Error as error:
        faults.append(Fault(name, reader.line_num, f"is no CSV: {error}"))


def _labels(text: str, faults: list[Fault]) -> tuple[Mapping[str, Any], dict[Keys, int]]:
    """Content and lines of the YAML file; a key that stands twice is a fault."""
    lines: dict[Keys, int] = {}
    try:
        loader = documents.SafeLoader(text)
        node = loader.get_single_node()
        if isinstance(node, yaml.MappingNode):
            _walk(node, (), lines, faults)
            return loader.construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        faults.append(Fault(LABELS, line, f"is no YAML: {error.problem}"))
        return {}, {}
    except (yaml.YAMLError, TypeError, ValueError, RecursionError):
        lines.clear()
    faults.append(Fault(LABELS, 0, "is no YAML that holds keys with values"))
    return {}, {}


def _walk(node: yaml.MappingNode, above: Keys, lines: dict[Keys, int], faults: list[Fault]) -> None:
    for key, value in node.value:
        path = (*above, str(key.value))
        line = key.start_mark.line + 1
        if path in lines:
            faults.append(Fault(LABELS, line, f"{path[-1]} stands twice"))
        lines[path] = line
        if isinstance(value, yaml.MappingNode) and len(path) < _DEPTH:
            _walk(value, path, lines, faults)
