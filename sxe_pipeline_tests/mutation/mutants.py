"""Small faults in a text of Python or SQL: which, and where.

Pure: text in, mutants out. A fault that cannot be compiled says nothing about the tests, so the
lists below avoid what would only be a syntax error.
"""

import hashlib
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

SWAPS = {
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "+": "-",
    "-": "+",
}
PYTHON_SWAPS = SWAPS | {
    "==": "!=",
    "!=": "==",
    "and": "or",
    "or": "and",
    "in": "not in",
    "is": "is not",
    "True": "False",
    "False": "True",
}
SQL_SWAPS = SWAPS | {
    "=": "<>",
    "<>": "=",
    "and": "or",
    "or": "and",
    "true": "false",
    "false": "true",
    "greatest": "least",
    "least": "greatest",
    "min": "max",
    "max": "min",
}

_SQL_TOKEN = re.compile(
    r"(?P<skip>--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\"|\$\w*\$|\s+)"
    r"|(?P<code>[\w.]+|<=|>=|<>|:=|=>|->>|->|\|\||::|@>|<@|.)",
    re.DOTALL,
)
_SQL_LOCKS = re.compile(
    r"\s+for\s+(?:no\s+key\s+update|key\s+share|update|share)(?:\s+of\s+\w+)?"
    r"(?:\s+(?:skip\s+locked|nowait))?(?=\s*[;)\n]|\s+loop)"
    r"|\bperform\s+pg_advisory_\w+\([^;]*\);",
    re.IGNORECASE,
)
_SQL_CLAUSES = frozenset(
    ["set", "where", "on", "if", "elsif", "when", "while", "having", "select", "from", "case"]
)
_QUANTIFIER = re.compile(r"(?<!\\)\{(\d+),(\d*)\}|(?<![\\(?*+}{])[?*+](?![?+])|\(\?<?[=!]")
_LOOKS = {"(?=": "(?!", "(?!": "(?=", "(?<=": "(?<!", "(?<!": "(?<="}
_LOOP = re.compile(r"\bfor\s[\w\s,()*.\[\]]*\Z")
_LAYOUT = (tokenize.NL, tokenize.COMMENT)

Token = tokenize.TokenInfo


@dataclass(frozen=True)
class Mutant:
    """One fault.

    `start` and `end` say which characters of the file become `new`.
    """

    file: Path
    start: int
    end: int
    old: str
    new: str
    line: int
    text: str

    @property
    def id(self) -> str:
        """The same fault in the same text has the same id."""
        said = f"{self.file}\0{self.start}\0{self.new}\0{self.text}"
        return hashlib.sha256(said.encode()).hexdigest()[:12]

    @property
    def kind(self) -> str:
        """What sort of fault it is, so that a sample has some of each."""
        if re.search(r"\bfor |perform ", self.old, re.IGNORECASE):
            return "lock"
        if self.old[0] in "\"'":
            return "entry"
        if self.old[0].isdigit():
            return "constant"
        if self.old in ("and", "or", "not", "not "):
            return "logic"
        return "pattern" if self.new in ("", *_LOOKS) or self.old[0] == "{" else "operator"

    @property
    def mutated(self) -> str:
        """The whole file with the fault in it."""
        return self.text[: self.start] + self.new + self.text[self.end :]

    def __str__(self) -> str:
        return f"{self.file}:{self.line}  {_shown(self.old)} -> {_shown(self.new) or 'nothing'}"


def mutants(file: Path, text: str) -> list[Mutant]:
    """Every fault of a file, in its order."""
    edits = _sql(text) if file.suffix == ".sql" else _python(text)
    return [
        Mutant(file, start, end, text[start:end], new, text.count("\n", 0, start) + 1, text)
        for start, end, new in sorted(set(edits))
    ]


def _shown(part: str) -> str:
    return " ".join(part.split())


def _numbers(word: str) -> list[str]:
    """The neighbours of a constant."""
    if re.fullmatch(r"\d+", word):
        return [str(int(word) + 1), *([str(int(word) - 1)] if int(word) else [])]
    return [str(float(word) + 1)] if re.fullmatch(r"\d+\.\d+", word) else []


def _python(text: str) -> Iterator[tuple[int, int, str]]:
    lines = [0]
    for line in text.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    tokens = [
        token
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in _LAYOUT
    ]
    for before, token, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        start = lines[token.start[0] - 1] + token.start[1]
        end = lines[token.end[0] - 1] + token.end[1]
        if token.type == tokenize.STRING and "r" in token.string[:2]:
            yield from _regex(token.string, start)
        elif token.type == tokenize.STRING:
            if before.string in (",", "[", "(", "{") and after.string == ",":
                yield start, lines[after.end[0] - 1] + after.end[1], ""
        elif token.type == tokenize.NUMBER:
            yield from ((start, end, number) for number in _numbers(token.string))
        elif token.string == "not":
            is_half = after.string == "in" or before.string == "is"
            yield start, end + is_half, "bool" if after.string == "(" else ""
        elif token.string in PYTHON_SWAPS and _is_test(before, token, after):
            yield start, end, PYTHON_SWAPS[token.string]


def _is_test(before: Token, token: Token, after: Token) -> bool:
    """`in` and `is` count where they compare; that of a loop follows its `for`."""
    if token.string not in ("in", "is"):
        return True
    is_loop = _LOOP.search(before.line[: before.end[1]])
    return after.string != "not" and before.string != "not" and not is_loop


def _regex(literal: str, offset: int) -> Iterator[tuple[int, int, str]]:
    """Quantifiers and looks of a pattern; braces of an f-string are doubled."""
    for found in _QUANTIFIER.finditer(literal):
        start, end = offset + found.start(), offset + found.end()
        if found[0] in _LOOKS:
            yield start, end, _LOOKS[found[0]]
        elif found[1]:
            low, high = int(found[1]), int(found[2] or 99)
            if low < high:
                yield start, end, f"{{{low + 1},{found[2]}}}"
            if found[2] and high > low:
                yield start, end, f"{{{low},{high - 1}}}"
        else:
            yield start, end, ""


def _sql(text: str) -> Iterator[tuple[int, int, str]]:
    for found in _SQL_LOCKS.finditer(text):
        yield found.start(), found.end(), "null;" if found[0].endswith(";") else ""
    clause, is_between = "", False
    tokens = [found for found in _SQL_TOKEN.finditer(text) if found["code"]]
    for before, token in pairwise(tokens):
        word, last = token["code"].lower(), before["code"].lower()
        if word in _SQL_CLAUSES:
            clause = word
        if word == "between":
            is_between = True
        elif word == "and" and is_between:
            is_between = False
        elif word == "not" and last not in ("do", "default"):
            yield token.start(), token.end(), ""
        elif word in SQL_SWAPS and _is_code(word, last, clause):
            yield token.start(), token.end(), SQL_SWAPS[word]
        elif last != "$":
            yield from ((token.start(), token.end(), number) for number in _numbers(word))


def _is_code(word: str, last: str, clause: str) -> bool:
    """Not an assignment, not `create or replace`, not `select for update`'s own words."""
    return not (word == "=" and clause == "set") and not (word == "or" and last == "create")
