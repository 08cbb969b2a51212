"""Reading contracts from their YAML.

Here: ODCS v3.1 -> `Contract`, and refusing a file that leaves open what a generator needs to know.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from sxe_pipeline import contracts_root
from sxe_pipeline.errors import BadConfig, NotFound
from sxe_pipeline.schema import documents
from sxe_pipeline.schema.columns import Column, Rule
from sxe_pipeline.schema.contract import Contract

KINDS = {
    "string": "string",
    "int32": "integer",
    "int64": "integer",
    "double": "number",
    "boolean": "boolean",
    "date32": "date",
    "timestamp[us, UTC]": "timestamp",
    "list": "array",
    "struct": "object",
}
"""Physical type -> the logical type of ODCS that it must stand beside."""

_READ = frozenset(
    {
        *("name", "logicalType", "physicalType", "required", "primaryKey", "primaryKeyPosition"),
        *("unique", "classification", "description", "logicalTypeOptions", "examples", "quality"),
        *("customProperties", "items", "properties"),
    }
)
"""What a property may say: what nothing reads would be a promise that nobody keeps."""
_BOUNDS = frozenset({"pattern", "maxLength", "minimum", "maximum", "timezone"})
_CUSTOM = frozenset({"fieldId", "class", "openEnum"})
_SUFFIX = ".odcs.yaml"
_VERSION = re.compile(r"\d+\.\d+\.\d+")


def available(root: Path | None = None) -> list[tuple[str, str]]:
    """Every (contract id, version) below the contracts folder, oldest version first."""
    folder = contracts_root() if root is None else root
    found = [
        (file.parent.name, file.name.removesuffix(_SUFFIX)) for file in folder.glob(f"*/*{_SUFFIX}")
    ]
    return sorted(found, key=lambda pair: (pair[0], _order(pair[1])))


def load(contract_id: str, version: str | None = None, root: Path | None = None) -> Contract:
    """Read one contract.

    Args:
        contract_id: Such as 'lead_card'.
        version: Such as '1.0.0'; None is the newest.
        root: The contracts folder; None is the one that came with the package.

    Raises:
        NotFound: There is no such contract or version.
        BadConfig: The file is no contract that everything else can be generated from.

    Example:
        >>> load("lead_card", "1.0.0").key
        ('card_id',)
    """
    folder = contracts_root() if root is None else root
    versions = [v for i, v in available(folder) if i == contract_id]
    if not versions or (version is not None and version not in versions):
        raise NotFound(
            f"no contract {contract_id} {version or ''}".rstrip() + "; see `sxe contracts list`"
        )
    file = folder / contract_id / f"{version or versions[-1]}{_SUFFIX}"
    return _parsed(file.read_bytes(), file)


def parse(data: bytes, name: str) -> Contract:
    """Read a contract from bytes of somebody else; it has no file.

    Args:
        data: ODCS, in YAML.
        name: What it must be: `<contract>/<version>`.

    Raises:
        BadConfig: It is no contract, or another one.
    """
    return _parsed(data, Path(f"{name}{_SUFFIX}"))


@lru_cache(maxsize=64)  # by its bytes: a verdict on one tree of contracts reads each many times
def _parsed(data: bytes, file: Path) -> Contract:
    bad = (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, RecursionError)
    try:
        return _contract(documents.read(data), file)
    except bad as error:
        raise BadConfig(
            f"{file.parent.name}/{file.name} is no usable contract "
            f"({type(error).__name__}: {error}); compare it with lead_card/1.0.0.odcs.yaml"
        ) from error


def load_all(root: Path | None = None) -> list[Contract]:
    """Every version of every contract."""
    return [load(contract_id, version, root) for contract_id, version in available(root)]


def _contract(data: dict[str, Any], file: Path) -> Contract:
    table = data["schema"][0]
    properties = table["properties"]
    text = data["description"]
    keyed = [p for p in properties if p.get("primaryKey")]
    if [p for p in properties if p.get("unique")] != (keyed if len(keyed) == 1 else []):
        raise ValueError("unique is a column that is the key alone, and no other")
    contract = Contract(
        id=data["id"],
        version=data["version"],
        title=data["name"],
        tier=_custom(data)["tier"],
        status=data["status"],
        purpose=text["purpose"],
        usage=text["usage"],
        limitations=text["limitations"],
        key=tuple(p["name"] for p in sorted(keyed, key=lambda p: p["primaryKeyPosition"])),
        columns=tuple(_column(p, p["name"]) for p in properties),
        rules=tuple(_rule(given) for given in table.get("quality", [])),
        file=file,
    )
    _sane(contract, file)
    return contract


def _rule(given: dict[str, Any]) -> Rule:
    """A rule of whole rows, which none may break."""
    words = {key: given[key] for key in ("name", "description", "query")}
    _is_just(given, words | {"type": "sql", "mustBe": 0}, given["name"])
    return Rule(**words)


def _is_just(given: dict[str, Any], checked: dict[str, Any], name: str) -> None:
    """Refuse a rule that says anything but what is checked."""
    if given != checked:
        other = sorted(k for k in {**given, **checked} if given.get(k) != checked.get(k))
        raise ValueError(f"{name}: nothing checks a rule with this {', '.join(other)}")


def _column(given: dict[str, Any], name: str) -> Column:
    kind, custom = given["physicalType"], _custom(given)
    if KINDS.get(kind) != given["logicalType"]:
        raise ValueError(f"{name}: {kind} is no {given['logicalType']}")
    options = given.get("logicalTypeOptions", {})
    unread = {*(set(given) - _READ), *(set(options) - _BOUNDS), *(set(custom) - _CUSTOM)}
    if unread:
        raise ValueError(f"{name}: nothing checks {sorted(unread)}")
    children = tuple(_column(p, p["name"]) for p in given.get("properties", []))
    if kind == "list":
        children = (_column(given["items"], "element"),)
    return Column(
        name=name,
        field_id=int(custom["fieldId"]),
        kind=kind,
        class_=custom.get("class"),
        nullable=not given["required"],
        classification=given["classification"],
        description=given["description"],
        pattern=options.get("pattern"),
        max_length=options.get("maxLength"),
        minimum=options.get("minimum"),
        maximum=options.get("maximum"),
        values=_values(given),
        examples=tuple(str(example) for example in given.get("examples", [])),
        is_open=bool(custom.get("openEnum", False)),
        children=children,
    )


def _custom(given: dict[str, Any]) -> dict[str, Any]:
    return {entry["property"]: entry["value"] for entry in given.get("customProperties", [])}


def _values(given: dict[str, Any]) -> tuple[str, ...]:
    """The closed enum: ODCS v3.1 has none of its own, a library check stands for it."""
    rules = given.get("quality", [])
    if len(rules) > 1:
        raise ValueError(f"{given['name']}: nothing checks a second rule of a column")
    for rule in rules:
        values = {"validValues": rule["arguments"]["validValues"]}
        checked = {"type": "library", "metric": "invalidValues", "mustBe": 0, "arguments": values}
        _is_just(rule, checked, given["name"])
        return tuple(values["validValues"])
    return ()


def _sane(contract: Contract, file: Path) -> None:
    """What every generator relies on."""
    columns = [column for _, column in contract.walk()]
    ids = [column.field_id for column in columns]
    if (contract.id, f"{contract.version}{_SUFFIX}") != (file.parent.name, file.name):
        raise ValueError("id and version differ from the path")
    if len(set(ids)) != len(ids):
        raise ValueError("a field id stands twice")
    if len(set(contract.names)) != len(contract.names) or not contract.key:
        raise ValueError("a name stands twice, or there is no key")
    if any(c.kind == "double" and (c.minimum is None or c.maximum is None) for c in columns):
        raise ValueError("a double needs both bounds: NaN and infinity are no JSON")
    if any(c.kind.startswith("timestamp") for top in contract.columns for c in top.children):
        raise ValueError("a timestamp stands at the top level only: JSON Lines are written so")
    if not _VERSION.fullmatch(contract.version):
        raise ValueError("a version is three numbers")


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
