"""The local part of an e-mail address: where it begins, and how much it looks like one.

Belongs here: what stands before an AT. What stands after it is in `email_domain`.
"""

import re
from functools import lru_cache

from sxe_pipeline.redact.email_lexicon import INDIC, lexicon
from sxe_pipeline.redact.ruleset import bounded, words

_REACH = 64
_RUN = re.compile(rf"[\w.+\-'%&{INDIC}]+")
_CLOSING = {")": "(", "]": "[", "}": "{", ">": "<"}
_LONGEST_LIST = 80
_MARKED = re.compile(r"[\d._+\-]")


def local_start(text: str, end: int) -> int:
    """Where the local part that ends there begins; bounded, so that a long run costs no more."""
    backwards = text[max(0, end - _REACH) : end][::-1]
    run = _RUN.match(backwards)
    start = end - run.end() if run else end
    while start < end and text[start] in ".'%&-":
        start += 1
    return start


def listed_start(text: str, end: int) -> int:
    """Where the names in a bracket before an AT begin: '{ana,tom}@', 'ana[nospam]@'.

    Args:
        text: A skeleton.
        end: One past the bracket.

    Returns:
        `end` where no such bracket ends there.
    """
    if text[end - 1 : end] not in _CLOSING:
        return end
    opening = text.rfind(_CLOSING[text[end - 1]], max(0, end - _LONGEST_LIST), end)
    inside = text[opening + 1 : end - 1]
    if opening < 0 or "\n" in inside or "@" in inside or not inside.strip():
        return end
    return local_start(text, opening)


def local_score(local: str) -> float:
    """How much a part of a skeleton looks like the name of a mailbox."""
    lists = lexicon()
    bare = local.strip("._-'")
    if _MARKED.search(bare) or bare in lists.mailbox or bare.endswith(lists.mailbox_ends):
        return 1.5
    return 0.5 if len(bare) > 2 else 0.0


@lru_cache(maxsize=1)
def _announcement() -> re.Pattern[str]:
    """A word of mail and a sign or a filler behind it: 'email:', 'write to', 'mail me at', '📧'.

    The word alone is none: 'email geek @ example.com' works there.
    """
    filler = rf"(?:\s{{0,2}}{bounded(words('mail_fillers'))})"
    sign = r"[:=>\-|→👉➡]"
    return re.compile(
        rf"(?:{bounded(words('mail_words'))}(?:{filler}{{1,3}}\s{{0,2}}{sign}{{0,2}}"
        rf"|\s{{0,2}}{sign}{{1,2}})|[{''.join(words('mail_marks'))}]\s{{0,2}}{sign}{{0,2}})"
        r"[\s(]{0,3}\Z"
    )


def is_announced(text: str, start: int) -> bool:
    """Whether the words before a local part say that an address follows."""
    return _announcement().search(text, max(0, start - _REACH), start) is not None
