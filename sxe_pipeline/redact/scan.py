"""The second detector: the question of the redactor, answered by another idea.

The redactor reads: rules per kind, words of many languages, what stands around. This counts: where
digits stand denser than in prose, where symbols stand for letters, a provider's name in what is
left when all but letters goes, a messenger beside a word that is none. It imports nothing of ours,
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
    raw = pl.Series("text", pl.Series(texts).cast(pl.String))
    frame = raw.to_frame().select(pl.col("text").str.normalize("NFKC").alias("plain"))
    plain = pl.col("plain").str
    bare = plain.replace_all(_UNSEEN, "").str.replace_all(_MARKER, " ").str.to_lowercase()
    judged = frame.with_columns(bare.alias("bare")).select(
        pl.when(
            plain.contains(_ADDRESS)
            | plain.contains(_MAILBOX)
            | plain.contains(_LINK)
            | plain.contains(_LABELLED)
        )
        .then(pl.lit("certain"))
        .when(plain.contains(_HALF) | plain.contains(_NEAR_LABEL) | plain.contains(_PLUS) | _odd())
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


def _odd() -> pl.Expr:
    """Whether a text is denser in digits and symbols than prose, or holds a name it should not."""
    bare = pl.col("bare").str
    letters = bare.replace_all(r"[^\p{L}\p{Nd}]", "").str
    return (
        bare.contains(_DENSE)
        | bare.contains(_BESIDE)
        | bare.contains(_SYMBOLS)
        | bare.contains(_ENDS)
        | letters.contains(_PROVIDER)
    )


def _has_number(text: str) -> bool:
    """A valid international number; no region is assumed, so nothing but a plus sign counts."""
    return any(True for _ in phonenumbers.PhoneNumberMatcher(text, None))
