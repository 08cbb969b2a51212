"""Why a piece of a file is no record: a quarantine reason, and what to do about that very file."""

from enum import Enum


class Fault(Enum):
    """A piece that cannot be read. `reason` is its quarantine reason, `advice` for whoever has it.

    `is_of_file`: where nothing was read before, it speaks of the whole file.
    """

    TOO_LARGE = "too_large", "a line, an element or a cell is beyond the bounds; split it"
    MALFORMED = "malformed", "the file is broken where its format ends; export and land it again"
    CUT = "malformed", "the file ends in the middle of a record; land the whole file"
    NO_JSON = "malformed", "these lines are no JSON; correct or leave them out"
    SAID_TWICE = "malformed", "an object says two things under one key; leave one of them out"
    ROW_TOO_LONG = (
        "malformed",
        "these rows have more cells than the header has names; quote the cells that hold the "
        "delimiter",
    )
    OPEN_QUOTE = (
        "malformed",
        "a quote opens in these rows and nobody closes it; close it, or double it where it is a "
        "letter",
    )
    NO_HEADER = (
        "malformed",
        "no line says what the columns are; write their names above the rows",
    )
    ABOVE_HEADER = (
        "malformed",
        "these lines stand above the names of the columns and may be records; put the names first",
    )
    DOUBLE_HEADER = (
        "malformed",
        "two columns have one name; rename or leave out one of them",
        True,
    )
    SCRIPT = "malformed", "the file is a program or a page, not data; export the data itself"
    ENCODING = "encoding", "the text is not UTF-8 (nor UTF-16 with its mark); save it as UTF-8"
    UNREADABLE = "unreadable", "reading it failed; check its rights and the disk", True
    ENCRYPTED = "unreadable", "it is protected by a password; save it without one", True
    UNSUPPORTED_FORMAT = (
        "unsupported_format",
        "it is none of JSON, CSV, Excel (.xlsx), Parquet or an archive (.zip) of them; convert it",
        True,
    )
    OLD_EXCEL = "unsupported_format", "save it as .xlsx or as CSV (UTF-8)", True
    NESTED = (
        "unsupported_format",
        "an archive lies inside the archive; unpack it and land its files",
    )
    LOCKED_MEMBER = "unreadable", "a member is protected by a password; pack it without one"
    NO_MEMBER = "malformed", "the archive holds no data; pack the files themselves", True
    OUTSIDE = "unsupported_format", "the name of a member leads out of the archive; pack it anew"
    BOMB = "too_large", "it unpacks to far more than it weighs; unpack it and land its files"

    reason: str
    advice: str
    is_of_file: bool

    def __init__(self, reason: str, advice: str, is_of_file: bool = False) -> None:
        self.reason = reason
        self.advice = advice
        self.is_of_file = is_of_file
