"""The second detector: the question of the redactor, answered by other code and other patterns.

Belongs here: the check between a fault of the redactor and Tier 1. It imports nothing of ours,
reads no word list of the redactor, and has two answers. `certain` is contact data without doubt,
and the row goes into quarantine; `shape` only looks like it: counted as open, for a person to read.
"""

import phonenumbers
import polars as pl
import pyarrow as pa

_ADDRESS = (
    r"(?i)(?:^|[^a-z0-9@._%+\-/=])"
    r"[a-z0-9][a-z0-9._%+\-]{0,63}@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
    r"(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*\.[a-z]{2,18}(?:$|[^a-z0-9@_-])"
)
_LINK = (
    r"(?i)(?:^|[^a-z0-9.@-])(?:mailto:[^\s\[]{3}|(?:tel|sms|callto|facetime):\+?[0-9][0-9() .-]{5}"
    r"|(?:https?://)?(?:www\.)?(?:wa\.me|api\.whatsapp\.com|chat\.whatsapp\.com|wa\.link|t\.me"
    r"|telegram\.me|m\.me|signal\.me|zalo\.me|line\.me|viber\.me)/[a-z0-9+?#][^\s\[])"
)
_LABEL = (
    r"(?i)(?:^|[^\p{L}])(?:tel|tlf|phone|mobile|mobil|móvil|cell?|celular|whats?app|wpp|telegram|sms|call"
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


def scan_array(texts: pa.Array) -> pa.StringArray:
    """Look for contact data that was left in a column.

    Args:
        texts: Redacted strings; tokens such as `[email]` are no finding.

    Returns:
        Per row null (nothing, or the text is null), 'shape' or 'certain'.
    """
    raw = pl.Series("text", pl.Series(texts).cast(pl.String))
    frame = raw.to_frame().with_columns(pl.col("text").str.normalize("NFKC").alias("plain"))
    plain = pl.col("plain").str
    judged = frame.select(
        pl.when(plain.contains(_ADDRESS) | plain.contains(_LINK) | plain.contains(_LABELLED))
        .then(pl.lit("certain"))
        .when(plain.contains(_HALF) | plain.contains(_NEAR_LABEL) | plain.contains(_PLUS))
        .then(pl.lit("shape"))
        .otherwise(None)
        .alias("verdict"),
        plain.contains(_PLUS).fill_null(False).alias("plus"),
        "plain",
    )
    verdicts = judged["verdict"].to_list()
    for index in judged["plus"].arg_true().to_list():
        if verdicts[index] != "certain" and _has_number(judged["plain"][index]):
            verdicts[index] = "certain"
    return pa.array(verdicts, pa.string())


def _has_number(text: str) -> bool:
    """A valid international number; no region is assumed, so nothing but a plus sign counts."""
    return any(True for _ in phonenumbers.PhoneNumberMatcher(text, None))
