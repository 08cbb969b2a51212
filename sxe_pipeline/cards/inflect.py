"""Forms of a role that its phrase does not spell out: an `enfermero` or an `enfermera`.

Here: the feminine of a phrase, by the endings of its language. Not here: which phrases there are
(`taxonomy`). A form that nobody writes does no harm: no text holds it.
"""

_ENDINGS = {
    "de": "mann:frau arzt:arztin loge:login er:erin or:orin eur:eurin ist:istin ent:entin ant:antin"
    " and:andin at:atin walt:waltin graf:grafin tekt:tektin kar:karin",
    "es": "or:ora ero:era ario:aria ado:ada ano:ana ogo:oga afo:afa ecto:ecta onomo:onoma ivo:iva",
    "fr": "teur:trice eur:euse ier:iere ien:ienne ant:ante ent:ente at:ate er:ere",
    "it": "tore:trice iere:iera iolo:iola ato:ata aio:aia ogo:oga afo:afa etto:etta ano:ana",
    "pt": "or:ora eiro:eira ario:aria ado:ada ano:ana ogo:oga afo:afa eto:eta onomo:onoma ivo:iva",
}
"""Masculine and feminine, the first that fits. None in -ico: `quimica` is a subject."""
_PAIRS = {
    language: tuple(
        (ending, other) for ending, _, other in (e.partition(":") for e in said.split())
    )
    for language, said in _ENDINGS.items()
}


def feminine(phrase: str, language: str) -> str | None:
    """The feminine of a phrase, each of its words by its ending; null where none changes.

    Args:
        phrase: A skeleton: small letters without accents.
        language: Of the phrase; one without endings here has no other forms.

    Example:
        >>> feminine("fotografo de bodas", "es")
        'fotografa de bodas'
        >>> feminine("nurse", "en") is None
        True
    """
    pairs = _PAIRS.get(language, ())
    form = " ".join(_inflected(word, pairs) for word in phrase.split())
    return form if form != phrase else None


def _inflected(word: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for ending, other in pairs:
        if word.endswith(ending):
            return word.removesuffix(ending) + other
    return word
