"""What a name below a landing folder says: whether it is data, of which collection and day.

Here: one answer for every door: what lies in the landing store, what `sxe ingest` puts there, what
`sxe ingest --to-jsonl` reads. Not here: walking folders (`given`, `register`).
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import date
from urllib.parse import unquote, urlsplit

from sxe_pipeline.ingest.collection import COLLECTION, MAPPING
from sxe_pipeline.redact import holds_contact
from sxe_pipeline.schema.tables import FIRST_DAY

DECLARATIONS = (COLLECTION, MAPPING)
"""What a collection says of itself: no data, and taken from its own folder only."""

_MARKERS = frozenset(
    {"_success", "_metadata", "_common_metadata", "thumbs.db", "desktop.ini", "__macosx"}
)
_MARKER_STARTS = ("_started_", "_committed_")
_PARTIAL = (
    *(".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".download"),
    *(".swp", ".inprogress", ".crc", "~"),
)
_WORK_FOLDERS = frozenset({"_temporary", "__macosx"})
_NOT_IN_KEYS = re.compile(r"[\x00-\x1f\x7f]")
_STAGED = re.compile(r"#\d+$", re.ASCII)
"""How the object store names its own half-written files, which it never lists."""
_DAY = re.compile(r"(?:(?:dt|ds|day|date)=)?(\d{4}-\d{2}-\d{2})", re.ASCII)


def is_data(parts: Sequence[str]) -> bool:
    """Whether a file is data: not hidden, not half written, no marker of a job, no declaration.

    Args:
        parts: Its folders below the landing root, or below the given folder, then its name.

    Example:
        >>> is_data(["spring", "a.jsonl"]), is_data(["spring", ".a.jsonl.Xy12Zq"])
        (True, False)
        >>> is_data(["spring", "_temporary", "a.jsonl"]), is_data(["_SUCCESS"])
        (False, False)
    """
    *folders, name = parts
    lower = name.lower()
    if any(part.startswith(".") for part in parts):
        return False
    if any(folder.lower() in _WORK_FOLDERS for folder in folders):
        return False
    if name in DECLARATIONS or lower in _MARKERS or lower.startswith(_MARKER_STARTS):
        return False
    return not lower.endswith(_PARTIAL)


def clean(name: str) -> str:
    r"""A name that can stand in a key: what no key can hold is replaced.

    Example:
        >>> clean("a\x1bb"), clean("plain #1.csv")
        ('a_b', 'plain #1.csv')
    """
    plain = _NOT_IN_KEYS.sub("_", name.encode("utf-8", "replace").decode())
    return f"{plain}_" if _STAGED.search(plain) else plain


def collection_of(landing_url: str, key: str) -> str:
    """The collection of a file in the landing store: its first folder, else the root's own name."""
    folder, slash, _ = key.partition("/")
    return folder if slash else root_name(landing_url)


def root_name(landing_url: str) -> str:
    """The collection of the files that lie in no folder."""
    parts = urlsplit(landing_url)
    return unquote(parts.path.rstrip("/").rpartition("/")[2]) or parts.netloc or "landing"


def key_in(landing_url: str, collection: str, name: str) -> str:
    """Where a collection's own file of that name lies."""
    return name if collection == root_name(landing_url) else f"{collection}/{name}"


def hashed(collection: str) -> str:
    """A collection in an audit event, by hash: a folder's name is written by strangers."""
    return hashlib.sha256(collection.encode()).hexdigest()[:32]


def shown(collection: str) -> str:
    """A collection as it may be stored and printed: one named like a contact only by its hash."""
    return f"unnamed-{hashed(collection)[:12]}" if holds_contact(collection) else collection


def is_day(folder: str) -> bool:
    """Whether a folder is named like a day, as `2026-09-01` or `dt=2026-09-01`."""
    return _DAY.fullmatch(folder) is not None


def day_of(folders: Sequence[str], today: date) -> date | None:
    """The landing day that the first such folder names.

    Args:
        folders: Above a file, from the top.
        today: No later day can be one.

    Returns:
        None where no folder names a day that can be: such a folder is just a folder.

    Example:
        >>> day_of(["spring", "dt=2026-09-01"], date(2026, 9, 2))
        datetime.date(2026, 9, 1)
    """
    for folder in folders:
        if found := _DAY.fullmatch(folder):
            try:
                day = date.fromisoformat(found[1])
            except ValueError:
                continue
            if FIRST_DAY <= day <= today:
                return day
    return None
