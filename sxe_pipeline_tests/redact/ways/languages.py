"""How languages say AT, DOT, com, the digits and the words before a contact.

The words stand in `languages.yaml`, one block a language.
"""

from dataclasses import dataclass
from pathlib import Path

from sxe_pipeline.schema import documents


@dataclass(frozen=True)
class Language:
    """Words of one language; a language may lack digits."""

    name: str
    at: tuple[str, ...]
    dot: tuple[str, ...]
    com: tuple[str, ...]
    gmail: tuple[str, ...]
    mail: tuple[str, ...]
    phone: tuple[str, ...]
    digits: tuple[str, ...]


def _listed(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.split("|") if word.strip())


def _languages() -> tuple[Language, ...]:
    blocks = documents.read(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return tuple(
        Language(
            name,
            *(_listed(said.get(part, part)) for part in ("at", "dot", "com", "gmail")),
            *(_listed(said[part]) for part in ("mail", "phone")),
            tuple(said.get("digits", "").split()),
        )
        for name, said in blocks.items()
    )


LANGUAGES = _languages()
