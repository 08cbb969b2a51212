"""Names that people give to things: files, folders, collections, shapes. Kept whole or refused.

Belongs here: whether such a name holds contact data. Machine-made digits (times, parts, hashes,
job numbers) are the rule in names, so bare digits alone are no phone number here. Handles of
accounts are in `fields`.
"""

import re

from sxe_pipeline.redact.exact import find_spans
from sxe_pipeline.redact.ruleset import Rules

_RULES = Rules().without("postal_address").without("link_hub")
_SIGNED = re.compile(r"[@:]")
_JOINTS = re.compile(r"[_/\\]+")
_DIALLED = re.compile(
    r"\+|\(|\d\s\d+\s\d|(?<!\d)\d{3}[-.]\d{3}[-.]\d{4}(?!\d)|[^\W\d_]{2,}[\s.:-]{0,2}\d"
)
_CALLED = re.compile(
    r"(?i:tel|phone|call|whats|wa|mobil|cell?|celular|handy|sms|fon|тел)[^a-zа-я]{0,3}\Z"
)


def holds_contact(name: str) -> bool:
    """Whether a name holds an e-mail address, a phone number, a messenger id or a contact link.

    Args:
        name: The name of a file, a folder, a collection or a shape; a path is read part by part.

    Example:
        >>> holds_contact("jane@gmail.com"), holds_contact("+1 415 552 3409/2026-01-02")
        (True, True)
        >>> holds_contact("export_20261124093015_part-00012.jsonl.gz"), holds_contact("spring")
        (False, False)
    """
    for written in {name, _JOINTS.sub(" ", name)}:
        for span in find_spans(written, _RULES):
            before, digits = written[: span.start], written[span.start : span.end]
            if span.kind == "messenger_id":
                # Files are called after messengers: only a sign says that a name follows.
                if _SIGNED.search(digits):
                    return True
                continue
            if span.kind != "phone":
                return True
            if (written == name and _DIALLED.search(digits)) or _CALLED.search(before):
                return True
    return False
