"""What a column is: its name, its type, and the class that says how its values are handled.

Here: the column, its classes, a rule over whole rows. Which columns a table has stands in `tables`,
`lead_card` and the contracts; what a class leads to, in the stage that handles it.

* `text`: words of somebody, or of nobody knows whom: redacted, and looked at by the second detector
* `link`: an address on the web: redacted as a link, and looked at by the second detector
* `name`: what people call a collection or a shape: refused at the door where it holds a contact,
  and looked at by the second detector
* `id`: names a thing and says nothing else of it
* `label`: a word out of a closed list of this engine
* `count`: a number of things
* `flag`: yes or no
* `time`: a day or a point in time
* `ours`: what this engine says about its own work
"""

from collections.abc import Iterator
from dataclasses import dataclass

_TIMES = frozenset({"date32", "timestamp[us, UTC]"})
_NUMBERS = frozenset({"int32", "int64"})
_WORDS = frozenset({"string"})

CLASSES = {
    "text": _WORDS,
    "link": _WORDS,
    "name": _WORDS,
    "id": _WORDS | _NUMBERS,
    "label": _WORDS,
    "count": _NUMBERS,
    "flag": frozenset({"boolean"}),
    "time": _TIMES,
    "ours": _WORDS | _NUMBERS | {"double", "boolean"},
}
"""Class -> the types that it may stand beside."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column, list item or struct field.

    `kind` is the physical type: string, int32, int64, double, boolean, date32,
    'timestamp[us, UTC]', list or struct. A list has one child, its item, named 'element'; a struct
    one child per field. `class_` is one of `CLASSES`; a list or struct has none, its leaves have.

    The rest is said by contracts alone. `classification` is how far the data may go. `values` is a
    closed enum; an open one (`is_open`) is a plain string whose `examples` may grow within a major
    version.
    """

    name: str
    kind: str
    class_: str | None = None
    nullable: bool = True
    children: tuple["Column", ...] = ()
    field_id: int | None = None
    classification: str = ""
    description: str = ""
    pattern: str | None = None
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    is_open: bool = False

    def walk(self, path: str = "") -> Iterator[tuple[str, "Column"]]:
        """The column and everything below it, with paths such as `evidence[].weight`."""
        here = path or self.name
        yield here, self
        for child in self.children:
            yield from child.walk(f"{here}[]" if self.kind == "list" else f"{here}.{child.name}")

    @property
    def is_classified(self) -> bool:
        """Whether its class is stated, and one that fits the type; a list or struct needs none."""
        return bool(self.children) or self.kind in CLASSES.get(self.class_ or "", ())

    @property
    def handling(self) -> str | None:
        """The class it is handled by: a string that states none is `text`."""
        if self.is_classified:
            return self.class_
        return "text" if self.kind == "string" else None

    @property
    def may_hold_contacts(self) -> bool:
        """Whether it or anything below it is text, a link or a name."""
        return any(column.handling in ("text", "link", "name") for _, column in self.walk())


@dataclass(frozen=True, slots=True)
class Rule:
    """A statement about whole rows: `query` counts the rows of `{object}` that break it."""

    name: str
    description: str
    query: str
