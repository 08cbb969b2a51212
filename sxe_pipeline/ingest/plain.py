"""A stored value without the way it was stored: decimals, dates, bytes, extended JSON.

Here: what every transform may rely on, and the errors of a value. Not here: what a value means
(`values`, `counts`, `times`).
"""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any


class BadValue(ValueError):
    """A payload value cannot be what its column says; carries no value."""


class LostDigits(BadValue):
    """A whole number that passed through a float too small for it: nobody knows its last digits."""


class Rounded(int):
    """A whole number of a source that keeps too few digits, such as a spreadsheet's cell."""


NOTHING = frozenset(
    (
        *("", "-", "--", "---", "–", "—", "?", "null", "none", "nil", "nan", "nat", "na", "n/a"),
        *("#n/a", "<na>", "n.a.", "n.d.", "s/d", "k.a.", "undefined", "unknown", "\\n"),
    )
)
"""What people write where a number, a date or a yes should be, lower case: it says nothing."""

SPREADSHEET_ERRORS = frozenset(
    (
        *("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"),
        *("#NV", "#BEZUG!", "#WERT!", "#ZAHL!", "#ÜBERLAUF!", "#NOM?", "#VALEUR!", "#NOMBRE!"),
        *("#¿NOMBRE?", "#¡VALOR!", "#¡REF!", "#¡DIV/0!", "#¡NUM!", "#NOME?", "#VALOR!", "#VALORE!"),
    )
)
"""What a spreadsheet writes where it could not compute: it took a text for a formula."""

_NUMBERS = ("$numberLong", "$numberInt", "$numberDecimal", "$numberDouble")
_WRITTEN = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|NaN|-?Infinity", re.ASCII)
PLAIN = frozenset((str, int, float, bool))
"""Types of values that are what they say as they stand."""


def is_plain(value: Any) -> bool:
    """Whether a value is a text, a number or a flag as it stands."""
    return type(value) in PLAIN


def plain(value: Any) -> Any:
    """A decimal as a number, bytes as text, a date as a time, `{"$numberLong": "5"}` as 5.

    Whatever else it is comes back as it is.

    Raises:
        BadValue: Bytes that are no text, or a wrapper that holds something else than it says.

    Example:
        >>> plain(Decimal("1700000000000000001")), plain({"$numberLong": "12"}), plain(b"a")
        (1700000000000000001, 12, 'a')
    """
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, bytes | bytearray | memoryview):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            raise BadValue from None
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if type(value) is dict and len(value) == 1:
        [(key, inner)] = value.items()
        if key in _NUMBERS:
            return _number(key, inner)
        if key in ("$date", "$oid"):
            return plain(inner)
    return value


def _decimal(value: Decimal) -> int | float | None:
    if value.is_nan():
        return None
    if value.is_infinite() or value.adjusted() > 40:
        raise BadValue
    return int(value) if value == value.to_integral_value() else float(value)


def _number(key: str, inner: Any) -> int | float | None:
    # Decimal reads more than a program writes: a sign before it is a telephone number's.
    if type(inner) is str and not _WRITTEN.fullmatch(inner):
        raise BadValue
    try:
        if key == "$numberDouble":
            return float(inner)
        return _decimal(Decimal(inner))
    except (TypeError, ValueError, ArithmeticError):
        raise BadValue from None
