"""Canonical forms of what a provider gives and of what it is compared by. Pure.

Here: e-mail addresses, phone numbers, and the forms in which names, domains and profile addresses
are compared. Not here: whose value it is (the adapters), how it is stored. What cannot be made
canonical is None: part of a value is never stored.
"""

import re
import unicodedata
from urllib.parse import unquote

import idna
import phonenumbers

_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
_TOP_LEVEL = re.compile(r"xn--[a-z0-9-]+|[a-z]{2,63}", re.ASCII)
_LOCAL_LENGTH, _EMAIL_LENGTH, _PHONE_LENGTH = 64, 254, 40
_PLACEHOLDER_LOCAL = re.compile(r"(email_?)?not_?unlocked.*|no_?email.*")
# example.com, .net and .org are missing on purpose: the sandbox lives on them.
_PLACEHOLDER_DOMAINS = frozenset({"domain.com", "mydomain.com", "yourdomain.com"})
_PLACEHOLDER_TOPS = frozenset({"example", "internal", "invalid", "local", "localhost", "test"})
_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)
_ACCENTS = range(0x0300, 0x0370)


def email(text: str) -> str | None:
    """An e-mail address in lower case with its domain in ASCII.

    A local part outside of ASCII is refused: look-alikes would be two contacts.

    Returns:
        The address; None where it is none, is too long, or stands for "not given".

    Example:
        >>> email(" Ana@Bücher.example.org ")
        'ana@xn--bcher-kva.example.org'
        >>> email("email_not_unlocked@domain.com") is None
        True
    """
    trimmed = text.strip()
    if len(trimmed) > _EMAIL_LENGTH or trimmed.count("@") != 1:
        return None
    local, _, host = trimmed.lower().partition("@")
    if len(local) > _LOCAL_LENGTH or not _LOCAL.fullmatch(local):
        return None
    ascii_host = _ascii_host(host)
    if ascii_host is None or _is_placeholder(local, ascii_host):
        return None
    address = f"{local}@{ascii_host}"
    return address if len(address) <= _EMAIL_LENGTH else None


def _ascii_host(host: str) -> str | None:
    try:
        found = idna.encode(host, uts46=True, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return None
    _, dot, top = found.rpartition(".")
    return found if dot and _TOP_LEVEL.fullmatch(top) else None


def _is_placeholder(local: str, host: str) -> bool:
    return (
        host in _PLACEHOLDER_DOMAINS
        or host.rpartition(".")[2] in _PLACEHOLDER_TOPS
        or _PLACEHOLDER_LOCAL.fullmatch(local) is not None
    )


def phone(text: str, country: str | None) -> str | None:
    """A phone number as E.164.

    A number with an extension is refused: without it another line would be stored.

    Args:
        text: As the provider wrote it.
        country: ISO 3166 alpha-2, for a number without its country code.

    Returns:
        The number; None where the numbering plan of its country does not know it.

    Example:
        >>> phone("(202) 555-0143", "US")
        '+12025550143'
    """
    if len(text) > _PHONE_LENGTH:
        return None
    region = (country or "").strip().upper()
    known = region if region in phonenumbers.SUPPORTED_REGIONS else None
    try:
        number = phonenumbers.parse(text, known)
    except phonenumbers.NumberParseException:
        return None
    if number.extension or not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def name(text: str) -> str:
    """A name as it is compared: no case, accents, punctuation or spaces.

    The vowel signs of scripts that write them as marks stay; they are letters there, not accents.
    Nicknames are other names. An empty result agrees with nothing.

    Example:
        >>> name("O'Bríen") == name("obrien")
        True
    """
    spelled = unicodedata.normalize("NFKD", text.casefold()).casefold().translate(_LETTERS)
    return "".join(
        c
        for c in spelled
        if c.isalnum() or (ord(c) not in _ACCENTS and unicodedata.category(c).startswith("M"))
    )


def domain(text: str) -> str:
    """The host of an address or a domain as it is compared.

    Example:
        >>> domain("https://www.Example.com/about")
        'example.com'
    """
    host = re.sub(r"^[a-z][a-z0-9+.-]*://", "", text.strip().lower())
    host = re.split(r"[/?#:]", host, maxsplit=1)[0].rstrip(".").removeprefix("www.")
    return _ascii_host(host) or host


def linkedin(text: str) -> str:
    """The part of a LinkedIn address that names the person; empty where it names none.

    Example:
        >>> linkedin("http://de.linkedin.com/in/Ana-Diaz/?trk=x")
        'ana-diaz'
    """
    found = re.search(r"linkedin\.com/(?:in|pub)/([^/?#\s]+)", text, re.IGNORECASE)
    return unicodedata.normalize("NFKC", unquote(found[1])).casefold() if found else ""
