"""The exact stage: every rule family over one text, until nothing more is found.

Belongs here: how families are combined, chunked and applied. A text is cut at what was redacted
(and at tokens it held before) and each piece is searched on its own, so that redacting a redacted
text finds the same pieces and changes nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sxe_pipeline.redact import (
    address,
    decode,
    email,
    filters,
    links,
    messenger,
    phone,
    places,
    plain,
    spelled,
    streets,
    urls,
    vanity,
)
from sxe_pipeline.redact.ruleset import BARRIER, TOKENS, Rules, tokens
from sxe_pipeline.redact.skeleton import skeleton

CHUNK = 2000
OVERLAP = 512
_ROUNDS = 40
_TOKEN = re.compile("|".join(re.escape(token) for token in TOKENS))
_PIECE = re.compile(f"[^{BARRIER}]+")
_RANK = {
    "link_hub": 0,
    "contact_link": 1,
    "email": 2,
    "phone": 3,
    "messenger_id": 4,
    "postal_address": 5,
}
_UNUSUAL = re.compile(r"[A-Za-z0-9+/_-]{12}|[0-9A-Fa-f]{2}[ :][0-9A-Fa-f]{2}[ :]|\\x")
_DIGIT = re.compile("[0-9]")
_ALL = Rules()


@dataclass(frozen=True, slots=True)
class Span:
    """One redacted part of a text: code point offsets of the input, and what it was."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class _Scope:
    """Which kinds are searched for, which signs the filter saw, whether numbers are short here."""

    kinds: frozenset[str]
    signs: int
    is_short: bool

    def wants(self, kind: str, sign: int) -> bool:
        return bool(self.signs & sign) and kind in self.kinds


def redact_text(text: str, rules: Rules = _ALL, place: str | None = None) -> tuple[str, list[Span]]:
    """Replace every contact in one text by its token.

    Args:
        text: Any text, of any length.
        rules: The families to search for; all of them by default.
        place: Where the account says it is, if it does: some countries have short numbers.

    Returns:
        The redacted text and the spans of the input that were replaced, in order, disjoint.

    Example:
        >>> redact_text("mail ana@example.com")[0]
        'mail [email]'
    """
    spans = find_spans(text, rules, is_short=places.has_short_numbers(place))
    return (apply(text, spans), spans) if spans else (text, [])


def apply(text: str, spans: list[Span]) -> str:
    """The text with a token in place of each span; a link hub keeps its host."""
    parts = []
    done = 0
    for span in spans:
        parts.append(text[done : span.start])
        token = tokens()[span.kind]
        if span.kind == "link_hub":
            hub = links.hub_of(skeleton(text[span.start : span.end])[0])
            token = f"{hub}/{token}" if hub else token
        parts.append(token)
        done = span.end
    return "".join([*parts, text[done:]])


def find_spans(
    text: str,
    rules: Rules = _ALL,
    signs: int = filters.EVERYTHING,
    *,
    is_short: bool = False,
) -> list[Span]:
    """Every contact in a text, disjoint and in order.

    Args:
        text: Any text.
        rules: The families to search for.
        signs: What the filter saw (`filters.sort_out`); families without a sign are skipped.
        is_short: The account is in a place with phone numbers of six to eight digits.
    """
    scope = _Scope(frozenset(rules.on & tokens().keys()), signs, is_short)
    masked = text
    if "[" in text:
        masked = _TOKEN.sub(lambda token: BARRIER * len(token[0]), text)
    spans = [span for span in plain.find(masked) if span[2] in scope.kinds]
    masked = _mask(masked, spans)
    for _ in range(_ROUNDS):
        more = _search(masked, scope, spans)
        if not more:
            break
        spans += more
        masked = _mask(masked, more)
    return _merge(spans)


def _search(
    masked: str, scope: _Scope, known: list[tuple[int, int, str]]
) -> list[tuple[int, int, str]]:
    phones = {end for _, end, kind in known if kind == "phone"}
    spans = []
    for piece in _PIECE.finditer(masked):
        after_phone = piece.start() in phones
        for start, end, kind in _search_chunks(piece[0], scope, after_phone):
            spans.append((piece.start() + start, piece.start() + end, kind))
    return spans


def _mask(text: str, spans: list[tuple[int, int, str]]) -> str:
    parts = []
    done = 0
    for start, end, _ in sorted(spans):
        parts.append(text[done:start])
        parts.append(BARRIER * (end - max(done, start)))
        done = max(done, end)
    return "".join([*parts, text[done:]])


def _search_chunks(piece: str, scope: _Scope, after_phone: bool) -> list[tuple[int, int, str]]:
    """A long piece is searched in chunks; a span counts in the chunk that holds its start."""
    if len(piece) <= CHUNK:
        return _search_piece(piece, scope, after_phone) if len(piece) > 3 else []
    spans = []
    step = CHUNK - OVERLAP
    for begin in range(0, len(piece), step):
        last = begin + CHUNK >= len(piece)
        low = 0 if begin == 0 else OVERLAP // 2
        high = CHUNK if last else CHUNK - OVERLAP // 2
        for start, end, kind in _search_piece(piece[begin : begin + CHUNK], scope, False):
            if low <= start < high or (start < low and end > OVERLAP):
                spans.append((begin + start, begin + end, kind))
        if last:
            break
    return spans


def _search_piece(piece: str, scope: _Scope, after_phone: bool) -> list[tuple[int, int, str]]:
    bare, offsets = skeleton(piece)
    spans = [span for span in _families(bare, scope, after_phone) if span[1] > span[0]]
    if offsets is not None:
        spans = [(offsets[start], offsets[end], kind) for start, end, kind in spans]
    if scope.wants("postal_address", filters.ADDRESS) and _DIGIT.search(piece):
        found = address.find(piece) + streets.find(piece)
        spans += [(start, end, "postal_address") for start, end in found]
    if scope.wants("phone", filters.PHONE):
        spans += [(start, end, "phone") for start, end in vanity.find(piece)]
    if scope.wants("contact_link", filters.LINKS):
        spans += [s for s in _addresses(piece, bare, offsets) if s[2] in scope.kinds]
    if scope.signs & filters.DECODE and _UNUSUAL.search(piece):
        spans += [span for span in decode.find_encoded(piece) if span[2] in scope.kinds]
    return [(s.start, s.end, s.kind) for s in _merge(spans)]


def _addresses(piece: str, bare: str, offsets: Sequence[int] | None) -> list[tuple[int, int, str]]:
    """Web addresses that carry a contact, as spans of the piece."""
    if offsets is None:
        return urls.find(bare, piece)
    return [(offsets[start], offsets[end], kind) for start, end, kind in urls.find(bare)]


def _families(bare: str, scope: _Scope, after_phone: bool) -> list[tuple[int, int, str]]:
    spans: list[tuple[int, int, str]] = []
    if scope.wants("contact_link", filters.LINKS):
        spans += links.find(bare)
    if scope.wants("link_hub", filters.LINKS):
        spans += [(*span, "link_hub") for span in links.find_hubs(bare)]
    if scope.wants("email", filters.EMAIL):
        spans += [(*span, "email") for span in email.find(bare)]
    if scope.wants("phone", filters.PHONE):
        spans += [
            (*span, "phone")
            for span in phone.find(bare, inherited=after_phone, is_short=scope.is_short)
        ]
        spans += [(*span, "phone") for span in spelled.find_between(bare)]
    if scope.wants("phone", filters.SPELLED):
        spans += [(*span, "phone") for span in spelled.find(bare)]
    if scope.wants("messenger_id", filters.MESSENGER):
        spans += [(*span, "messenger_id") for span in messenger.find(bare)]
    if scope.signs & filters.DECODE:
        spans += [span for span in decode.find_hidden(bare) if span[2] in scope.kinds]
    return spans


def _merge(spans: list[tuple[int, int, str]]) -> list[Span]:
    merged: list[Span] = []
    for start, end, kind in sorted(spans, key=lambda span: (span[0], -span[1], _RANK[span[2]])):
        if merged and start < merged[-1].end:
            last = merged[-1]
            better = min(last.kind, kind, key=lambda name: _RANK[name])
            merged[-1] = Span(last.start, max(last.end, end), better)
        else:
            merged.append(Span(start, end, kind))
    return merged
