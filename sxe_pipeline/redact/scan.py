"""The second detector: the question of the redactor, answered by another idea.

The redactor reads: rules per kind, words of many languages, what stands around. This counts: where
digits stand denser than in prose, where symbols stand for letters, a provider's name in what is
left when all but letters goes, a messenger beside a word that is none. It imports nothing of ours,
reads no word list of the redactor, and has two answers. `certain` is contact data without doubt,
and the row goes into quarantine; `shape` only looks like it: counted as open, for a person to read.
"""

from functools import reduce
from operator import or_

import numpy as np
import phonenumbers
import polars as pl
import pyarrow as pa

_ADDRESS = (
    r"(?i)(?:^|[^a-z0-9@._%+\-/=])"
    r"[a-z0-9][a-z0-9._%+\-]{0,63}@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
    r"(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*\.[a-z]{2,18}(?:$|[^a-z0-9@_-])"
)
_MAILBOX = (
    r"(?i)[a-z0-9._+\-]{2,64}@(?:gmail|googlemail|hotmail|outlook|live|msn|yahoo|ymail"
    r"|icloud|proton|protonmail"
    r"|gmx|aol|yandex|mail|zoho|qq|163|126|naver|rediffmail)\.[a-z]{2,3}"
)
_LINK = (
    r"(?i)(?:^|[^a-z0-9.@-])(?:mailto:[^\s\[]{3}|(?:tel|sms|callto"
    r"|facetime):\+?[0-9][0-9() .-]{5}"
    r"|(?:https?://)?(?:www\.)?(?:wa\.me|api\.whatsapp\.com|chat\.whatsapp\.com|wa\.link|t\.me"
    r"|telegram\.me|m\.me|signal\.me|zalo\.me|line\.me|viber\.me)/[a-z0-9+?#][^\s\[])"
)
_LABEL = (
    r"(?i)(?:^|[^\p{L}])(?:tel|tlf|phone|mobile|mobil|móvil|cell?|celular|whats?app|wpp"
    r"|telegram|sms|call"
    r"|llamar|teléfono|telefono|telefon|fono|fax|hotline|тел|телефон|جوال|هاتف|واتساب|电话|手机)"
)
_LABELLED = _LABEL + r"[^0-9\p{L}\[\]]{0,6}[0-9](?:[ ().\-]{0,2}[0-9]){8,14}(?:$|[^0-9])"
_NEAR_LABEL = _LABEL + r"[^0-9\[\]\n]{0,20}[0-9](?:[^0-9A-Za-z\[\]\n]{0,3}[0-9]){6,14}"
_PLUS = r"\+ ?[0-9(][0-9 ().\-]{6,20}"
_HALF = (
    r"(?i)[a-z0-9._-]{2,}\s?(?:@|[\[({<]\s?(?:at|@|arroba)\s?[\])}>]|\sat\s|\sarroba\s)\s?"
    r"(?:gmail|hotmail|yahoo|outlook|icloud|protonmail)"
    r"|[a-z0-9._-]{2,}(?:gmail|hotmail|yahoo|outlook|icloud|protonmail)\.com"
    r"|[a-z0-9._%+-]@[a-z0-9-]{2,}\s?(?:\.|\[\.\]|\(dot\))\s?(?:com|net|org)"
)


_UNSEEN = (
    r"[\x{00ad}\x{034f}\x{180e}\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2060}-\x{2064}\x{feff}"
    r"\x{0300}-\x{036f}]"
)
_MARKER = r"\[(?:email|phone|link|messenger|address)\]"
_PROVIDER = (
    r"gmail|hotmail|yahoo|icloud|protonmail|rediffmail|(?:at|arroba)outlook|outlook(?:com|dot)"
)
_DENSE = (
    r"\p{Nd}{2,5}[^\x00-\x7f]{1,4}\p{Nd}{2,5}(?:[^\x00-\x7f]{1,4}\p{Nd}{1,5})*"
    r"|(?:\p{Nd}[^\p{Nd}\p{L}\n]{1,6}){7}\p{Nd}|(?:\p{Nd}{1,5} \p{L}{2,9} ){2,}\p{Nd}{1,5}"
    r"|(?:\p{Nd}{2,5}\n){2,}\p{Nd}{2,5}|\p{Nd}{2,4}(?:[/,*_~]\p{Nd}{1,4}){2,3}"
)
_THREE_DIGITS = r"(?:\p{Nd}\P{Nd}*){2}\p{Nd}"
"""What is dense holds so many."""
_MESSENGER = (
    r"telegram|whatsapp|wechat|weixin|skype|viber|\bkik\b|discord|threema|kakao|\bzalo\b|\btg\b"
    r"|\bqq\b|signal"
)
_BESIDE = (
    rf"(?:{_MESSENGER})[^\p{{L}}\p{{Nd}}\[\]]{{0,4}}(?:(?:id|is|es|as|a|user|username"
    rf"|me at|at)[^\p{{L}}\p{{Nd}}\[\]]{{1,3}})?"
    r"[a-z][a-z0-9._]{7,30}(?:$|[^a-z0-9 ]| [^a-z])"
    rf"|(?:^|[\n|•/]\s?)[a-z0-9._]{{7,30}} ?(?:on|via|auf|en|em|[^\x00-\x7f]|[\-"
    rf"|(]) ?(?:{_MESSENGER})(?:$|[^a-z])"
)
_HIDDEN = r"[\[({<«*~|_/]\s?\p{L}{1,12}\s?[\])}>»*~|_/]"
_SYMBOLS = rf"{_HIDDEN}\s?[\p{{L}}\p{{Nd}}-]{{2,30}}\s?{_HIDDEN}\s?(?:com|net|org|[a-z]{{2}}\b)"
_ENDS = (
    r"[a-z0-9]\s(?:com|net|org)(?:$|[^\p{L} ]| [^\p{L}])"
    r"|\p{L}(?:\s\.\s?|\.\s|\s?[•·]\s?)(?:com|net|org)(?:$|[^\p{L}.])"
)


def scan_array(texts: pa.Array) -> pa.StringArray:
    """Look for contact data that was left in a column.

    Args:
        texts: Redacted strings; tokens such as `[email]` are no finding.

    Returns:
        Per row null (nothing, or the text is null), 'shape' or 'certain'.
    """
    coded = texts.cast(pa.string()).dictionary_encode()
    return _scanned(coded.dictionary).take(coded.indices)


def _scanned(distinct: pa.Array) -> pa.StringArray:
    plain = pl.Series("text", distinct, dtype=pl.String).str.normalize("NFKC")
    has_plus = plain.str.contains(_PLUS)
    is_certain = _any(plain, _ADDRESS, _MAILBOX, _LINK, _LABELLED).to_numpy(writable=True)
    for index in has_plus.arg_true().to_list():
        is_certain[index] = is_certain[index] or _has_number(plain[index])
    is_shape = has_plus | _any(plain, _HALF, _NEAR_LABEL) | _is_odd(plain)
    names = pa.array(["certain", "shape"], pa.string())
    which = np.where(is_certain, 0, 1)
    return names.take(pa.array(which, pa.int8(), mask=~(is_certain | is_shape.to_numpy())))


def _any(texts: pl.Series, *patterns: str) -> pl.Series:
    return reduce(or_, (texts.str.contains(pattern) for pattern in patterns))


def _is_odd(plain: pl.Series) -> pl.Series:
    """Whether a text is denser in digits and symbols than prose, or holds a name it should not."""
    bare = plain.str.replace_all(_UNSEEN, "").str.replace_all(_MARKER, " ").str.to_lowercase()
    letters = bare.str.replace_all(r"[^\p{L}\p{Nd}]", "")
    return (
        _among(bare, bare.str.contains(_THREE_DIGITS), _DENSE)
        | _among(bare, bare.str.contains_any(_MESSENGER.replace(r"\b", "").split("|")), _BESIDE)
        | _any(bare, _SYMBOLS, _ENDS)
        | letters.str.contains(_PROVIDER)
    )


def _among(texts: pl.Series, likely: pl.Series, slow: str) -> pl.Series:
    """Whether a text matches a slow pattern, which all that do not match are known not to."""
    at = likely.arg_true()
    found = np.zeros(len(texts), bool)
    found[at.to_numpy()] = texts.gather(at).str.contains(slow).to_numpy()
    return pl.Series(found)


def _has_number(text: str) -> bool:
    """A valid international number; no region is assumed, so nothing but a plus sign counts."""
    return any(True for _ in phonenumbers.PhoneNumberMatcher(text, None))
