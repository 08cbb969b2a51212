"""Whether a text states that its owner is under 18.

Here: which numbers are an age, and whose. Not here: the platform's own flag (`reading`). In doubt a
number is an age: a minor who is taken for grown up is worse than a lead that is lost.
"""

import re

from sxe_pipeline.cards.text import BREAK

_ADULT_AGE = 18
_MIN_STATED_AGE = 8
_DIGIT = re.compile(r"\d")


def _one_of(words: str) -> str:
    return f"(?:{'|'.join(words.split())})"


_I = r"(?:i m|im|i am|tengo|tenho|ho|ich bin|j ai|\u043c\u043d\u0435)(?: (?:a|an|just|only))*"
_AGE = re.compile(
    rf"(?<![^\W_])(?:(?P<own>{_I}) |(?P<told>{_one_of('age aged edad idade umur usia')}) )?"
    r"(?P<number>\d{1,2})(?!\d)(?:"
    r" ?(?P<old>y ?o|(?:yrs?|years?) old|jahre alt|anos de (?:edad|idade)|anni d[ i] ?eta)"
    r"| ?(?P<years>anos|ans|anni|tahun|\u043b\u0435\u0442)"
    r"| (?:years|jahre))?(?![^\W_])"
)
_ALONE = re.compile(r"(?:^|(?<!\d)\n) ?(1[3-7]) ?(?=\n(?! ?\d)|$)")
_SINCE = _one_of(
    r"hace ha(?!.*anni$) desde depuis da dal seit since sejak selama durante pendant por oltre"
    r" ultim\w+ dernier\w+ \u0443\u0436\u0435"
    r" \u0431\u043e\u043b\u0435\u0435 \u0431\u043e\u043b\u044c\u0448\u0435"
)
_WORK = _one_of(
    r"experiencia experience esperienza trayectoria trajetoria carrera carreira pengalaman"
    r" \u043e\u043f\u044b\u0442 \u0441\u0442\u0430\u0436"
)
_MORE_THAN = "(?:mas|mais|plus) de|plus d|piu di|lebih dari"
_DURATION = re.compile(
    rf"(?<![^\W_])(?:{_SINCE}|{_MORE_THAN}|{_WORK}(?: \w+){{0,2}})"
    r"(?: (?:os|las?|los|casi|quase))? (?:anos|ans|anni|tahun|\u043b\u0435\u0442)$"
)
"""Right before the number, which is left out: how long, not how old. (Italian `ha` is "is".)"""
_PARENTS = _one_of(
    "mom mum mama mommy mother dad daddy papa father parents? guardian owner madre padre mae pai"
    " maman mere pere mutter vater ibu ayah"
)
_A = _one_of(
    "my our his her their the an? this mi mis un una nuestr[ao]s? meu minha um uma mon ma mes une?"
    " notre mio mia mein meine unser unsere"
)
_CHILDREN_PETS_FIRMS = _one_of(
    "sons? daughters? child boys? girls? kids? baby brother sister hij[oa]s? filh[oa]s? fils fille"
    " figli[oa] sohn tochter dogs? cats? horse perr[oa] gat[oa] company business brand firm agency"
    " shop store band team club school website blog account channel empresa marca negocio"
    " entreprise azienda firma"
)
_MANY = _one_of(
    "kids children teens boys girls students youth ages ninos criancas enfants bambini kinder"
)
_OF_OTHERS = re.compile(
    r"(?<![^\W_])(?:"
    r"(?:(?<!life )(?<!diary )(?<!mind )(?<!thoughts )of|for|to|with) (?:an? |my |our |two )?$"
    rf"|{_PARENTS}(?: \w+){{0,2}} (?:of|to|with|del?|di?|da|von|dari) "
    rf"|{_A}(?: \w+){{0,2}} {_CHILDREN_PETS_FIRMS} "
    rf"|{_MANY} )"
)
"""Before the number, in the same breath: somebody or something else is as old."""
_ENDS = re.compile(r" ?+(?:$|\W)")
_GOES_ON = re.compile(
    r" (?:y|e|ed|et|und|and|dan|\u0438) "
    r"(?!(?:up|over|above|older|under|younger|below|counting|contando|mas|mais)\b)"
)
_SELF = re.compile(r" (?:soy|sou|sono|je suis|ich bin|i m|im|i am)\b")
_OF_WHAT = re.compile(
    r" (?:del?|di?|en|no|na|nos|nas|em|dans|a|au|aux|chez|come|como|comme|con|com|avec|nel|nell"
    r"|nella|\w+ndo|\u0432|\u043d\u0430|\u043a\u0430\u043a|\u043e\u043f\u044b\u0442\u0430)\b"
)
"""Years of what: of experience, in sales, as a teacher."""


def is_stated_minor(bare: str) -> bool:
    """Whether the text states that its owner is under 18, such as `16 y/o`, or a lone `16`.

    Args:
        bare: A skeleton.
    """
    if not _DIGIT.search(bare):
        return False
    if _ALONE.search(bare):
        return True
    bare = bare.replace("y\no", "yo")
    return any(
        _MIN_STATED_AGE <= int(stated["number"]) < _ADULT_AGE and _is_own_age(stated, bare)
        for stated in _AGE.finditer(bare)
    )


def _is_own_age(stated: re.Match[str], bare: str) -> bool:
    """Whether a number is an age, and its owner's: by its unit and by the words around it."""
    own, old, years = stated["own"], stated["old"], stated["years"]
    if not (own or old or years or stated["told"]):
        return False
    before = bare[bare.rfind(BREAK, 0, stated.start()) + 1 : stated.start()]
    if not own and _OF_OTHERS.search(before):
        return False
    if old:
        return True
    after = stated.end()
    if years and not own and _DURATION.search(before + years):
        return False
    if _ENDS.match(bare, after) or _GOES_ON.match(bare, after):
        return True
    if not years:
        return False
    return bool(_SELF.match(bare, after) or (own and not _OF_WHAT.match(bare, after)))
