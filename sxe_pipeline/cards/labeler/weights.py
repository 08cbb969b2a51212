"""The trained weights as data, and what they make of a batch of accounts.

Here: reading and checking the file, hashed grams into scores. Sums are of whole numbers, so that
every machine scores alike. Not here: choosing a label (`learned`), training (`bench/labels_train`).
"""

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from sxe_pipeline.cards.card import follower_band
from sxe_pipeline.cards.labeler.evidence import Voice
from sxe_pipeline.cards.labeler.grams import Grams, Numbers, grams
from sxe_pipeline.cards.taxonomy import Taxonomy
from sxe_pipeline.cards.text import phrase_skeleton, skeleton
from sxe_pipeline.errors import BadConfig

FIELDS = ("bio", "display_name", "handle", "link_domains", "category", "signal")
"""Where a gram may come from; `signal` is the platform, the follower band and flags."""
_SALTS = (0, 0, 1, 2, 3, 4)
"""A word means the same in a bio and in a name; elsewhere it means something of its own."""
UNIT = 1000
"""Scores, probabilities and confidences are whole thousandths."""
TREE_KINDS = ("persona", "tribe", "account_type", "brand")
VALUE = 2048
_FEW_GRAMS = 3_000
"""127 x 2,048 and half a unit of rounding a gram, times the root of this, is under 2**24."""
SHIFT = 20
_SHELF = np.uint64(48)
FILE, DIGEST = "weights.npz", "weights.sha256"
_FORMAT = "1"
_TREES = ("inputs", "limits", "masks", "leaves", "start")


@dataclass(frozen=True, slots=True)
class Trees:
    """Boosted trees over whole numbers: tree x split input and limit, tree x leaf mask value."""

    inputs: NDArray[np.int64]
    limits: NDArray[np.int64]
    masks: NDArray[np.uint8]
    leaves: NDArray[np.int64]
    start: int


class Shelves(NamedTuple):
    """The vocabulary by the first bits of its hashes.

    `begin`: where each shelf begins. `fullest`: how many hashes stand on the fullest one; as many
    noughts stand behind the hashes.
    """

    hashes: NDArray[np.uint64]
    begin: Numbers
    fullest: int


@dataclass(frozen=True)
class Weights:
    """Linear models that share their grams, and the trees that choose; made by `load`."""

    version: str
    about: Mapping[str, str]
    vocabulary: NDArray[np.uint64]
    rarity: Numbers
    matrix: NDArray[np.int8]
    scale: Numbers
    bias: Numbers
    columns: Mapping[str, tuple[str, ...]]
    trees: Mapping[str, Trees]
    limits: Mapping[str, int]

    def task(self, name: str) -> slice:
        """The columns of the matrix that belong to one task."""
        start = 0
        for task, labels in self.columns.items():
            if task == name:
                return slice(start, start + len(labels))
            start += len(labels)
        raise BadConfig(f"the weights lack the task {name}; train them again")

    @cached_property
    def shelves(self) -> Shelves:
        """The vocabulary, to look hashes up in at a quarter of the costs of a bisection."""
        heads = self.vocabulary >> _SHELF
        begin = np.searchsorted(heads, np.arange(1 << (64 - _SHELF)).astype(np.uint64))
        fullest = int(np.bincount(heads.astype(np.int64)).max(initial=0))
        padded = np.concatenate((self.vocabulary, np.zeros(fullest, np.uint64)))
        return Shelves(padded, begin, fullest)


def shipped(taxonomy: Taxonomy) -> Weights:
    """The weights that the package brings.

    Raises:
        BadConfig: They are damaged, or were trained for another major version of the taxonomy.
    """
    found = of_the_package()
    check(found, taxonomy)
    return found


def of_the_package() -> Weights:
    """The same, whatever they label with.

    Raises:
        BadConfig: They are damaged.
    """
    return load(Path(__file__).parent)


@lru_cache(maxsize=2)
def load(folder: Path) -> Weights:
    """Read and check the weights of a folder.

    Raises:
        BadConfig: A file is missing, is not what its digest says, or its arrays do not fit.
    """
    try:
        said = (folder / DIGEST).read_text(encoding="ascii").strip()
        packed_bytes = io.BytesIO((folder / FILE).read_bytes())
        with np.load(packed_bytes, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, EOFError, ValueError, BadZipFile):
        raise BadConfig(f"{FILE} or {DIGEST} cannot be read; install the package again") from None
    if digest(arrays) != said:
        raise BadConfig(f"{FILE} is not what {DIGEST} says; install the package again")
    try:
        return unpacked(arrays, said)
    except (KeyError, ValueError, IndexError):
        raise BadConfig(f"the arrays of {FILE} do not fit each other; train them again") from None


def digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of names, types, shapes and contents: the same however the file is packed."""
    whole = hashlib.sha256(_FORMAT.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        whole.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        whole.update(array.tobytes())
    return whole.hexdigest()


def unpacked(arrays: Mapping[str, NDArray[Any]], sha256: str) -> Weights:
    """The weights of stored arrays.

    Raises:
        KeyError: An array is missing.
        ValueError: Arrays do not fit each other.
    """
    labels = arrays["columns"].tolist()
    columns: dict[str, tuple[str, ...]] = {}
    for task, label in (name.split("/") for name in labels):
        columns[task] = (*columns.get(task, ()), label)
    grams, width = arrays["matrix"].shape
    shapes = {
        "vocabulary": (grams,),
        "rarity": (grams,),
        "scale": (width,),
        "bias": (width,),
        "columns": (width,),
    }
    if any(arrays[name].shape != shape for name, shape in shapes.items()) or not grams:
        raise ValueError("a matrix has another size than what describes it")
    trees = {}
    for kind in TREE_KINDS:
        parts = [arrays[f"{kind}_{name}"] for name in _TREES]
        if not parts[0].shape == parts[1].shape == parts[2].shape:
            raise ValueError("splits of trees do not fit each other")
        inputs, limits, masks, leaves, start = parts
        trees[kind] = Trees(
            inputs.astype(np.int64),
            limits.astype(np.int64),
            masks.astype(np.uint8),
            leaves.astype(np.int64),
            int(start[0]),
        )
    return Weights(
        version=f"{_FORMAT}+{sha256}",
        about=dict(line.split("=", 1) for line in arrays["about"].tolist()),
        vocabulary=arrays["vocabulary"],
        rarity=arrays["rarity"].astype(np.int64),
        matrix=arrays["matrix"],
        scale=arrays["scale"].astype(np.int64),
        bias=arrays["bias"].astype(np.int64),
        columns=columns,
        trees=trees,
        limits=dict(zip(TREE_KINDS, arrays["limits"].tolist(), strict=True)),
    )


def packed(weights: Weights) -> dict[str, NDArray[Any]]:
    """What `unpacked` reads, in the smallest types that hold it."""
    arrays: dict[str, NDArray[Any]] = {
        "about": np.array([f"{name}={value}" for name, value in weights.about.items()]),
        "columns": np.array(
            [f"{t}/{name}" for t, names in weights.columns.items() for name in names]
        ),
        "vocabulary": weights.vocabulary,
        "rarity": weights.rarity.astype(np.int16),
        "matrix": weights.matrix,
        "scale": weights.scale.astype(np.int32),
        "bias": weights.bias.astype(np.int32),
        "limits": np.array([weights.limits[name] for name in TREE_KINDS], np.int32),
    }
    for kind, trees in weights.trees.items():
        arrays[f"{kind}_inputs"] = trees.inputs.astype(np.uint8)
        arrays[f"{kind}_limits"] = trees.limits.astype(np.int32)
        arrays[f"{kind}_masks"] = trees.masks
        arrays[f"{kind}_leaves"] = trees.leaves.astype(np.int32)
        arrays[f"{kind}_start"] = np.array([trees.start], np.int32)
    return arrays


def check(weights: Weights, taxonomy: Taxonomy) -> None:
    """Refuse weights that were trained for another major version of the taxonomy.

    Raises:
        BadConfig: With both versions.
    """
    if said := refusal(weights, taxonomy.version):
        raise BadConfig(said)


def refusal(weights: Weights, version: str) -> str | None:
    """Why these weights do not label with a version of the taxonomy; None where they do."""
    trained_for = weights.about["taxonomy"]
    if trained_for.split(".")[0] == version.split(".")[0]:
        return None
    return (
        f"the weights were trained for taxonomy {trained_for}, this is {version}; train them again "
        "(docs/label_model.md), or label by rules alone"
    )


Texts = tuple[str, ...]
"""What an account says, in each field of `FIELDS`."""


class Read(NamedTuple):
    """Known grams of a batch: account, row of the matrix, field, place, value.

    `bounds`: where the grams of each account begin, and where the last ones end.
    """

    account: Numbers
    row: Numbers
    field: Numbers
    start: Numbers
    end: Numbers
    value: Numbers
    word_count: Numbers
    bounds: Sequence[int]


def signals_of(voice: Voice) -> list[tuple[str, str]]:
    """What is known of an account and is no word of its own: column and value."""
    given = (
        ("platform", voice.platform),
        ("follower_band", follower_band(voice.follower_count)),
        ("category_kind", voice.category_kind),
        ("is_verified", "verified" if voice.is_verified else None),
        ("is_business", "business" if voice.is_business else None),
    )
    return [(name, value) for name, value in given if value]


def texts_of(voice: Voice) -> Texts:
    """The text of each field of `FIELDS`."""
    return (
        skeleton(voice.bio or ""),
        skeleton(voice.display_name or ""),
        phrase_skeleton(voice.handle or ""),
        phrase_skeleton("\n".join(voice.link_domains)),
        phrase_skeleton(voice.category or ""),
        "\n".join(value for _, value in signals_of(voice)),
    )


def occurrences(texts: Sequence[Texts]) -> tuple[Grams, Numbers]:
    """Every gram of every field, and the field it stands in; the text is the account's number."""
    columns = zip(*texts, strict=True)
    found = grams([*chain.from_iterable(columns)], np.repeat(_SALTS, len(texts)))
    field, account = np.divmod(found.text, len(texts))
    return found._replace(text=account), field


def read(texts: Sequence[Texts], weights: Weights) -> Read:
    """The grams of the accounts that the weights know, each with its value."""
    found, fields = occurrences(texts)
    words = (fields == 0) & found.is_word & (found.end - found.start > 1)
    counts = np.bincount(found.text[words], minlength=len(texts))
    known, rows = _known(found.hashed, weights.shelves)
    owners = found.text[known]
    # Of numbers of two bytes this is a radix sort.
    most = np.min_scalar_type(max(len(texts), len(weights.vocabulary)))
    order = np.lexsort((rows.astype(most), owners.astype(most)))
    known, rows, owners = known[order], rows[order], owners[order]
    is_first = np.ones(len(known), np.bool_)
    is_first[1:] = (np.diff(owners) != 0) | (np.diff(rows) != 0)
    first = np.flatnonzero(is_first)
    times = np.diff(first, append=len(known))
    account, row = owners[first], rows[first]
    # 1 + ln(times), in sixteenths: told by a table, as the logarithm of two machines may differ.
    value = weights.rarity[row] * _TIMES[np.minimum(times, len(_TIMES) - 1)]
    length = np.sqrt(np.bincount(account, value * value, len(texts)))
    value = np.rint(value * VALUE / np.maximum(length[account], 1.0)).astype(np.int64)
    picked = known[first]
    bounds = np.searchsorted(account, np.arange(len(texts) + 1)).tolist()
    spans = found.start[picked], found.end[picked]
    return Read(account, row, fields[picked], *spans, value, counts, bounds)


def _known(hashed: NDArray[np.uint64], shelves: Shelves) -> tuple[Numbers, Numbers]:
    """Which hashes the vocabulary holds, and in which row each of them stands."""
    rows = shelves.begin[hashed >> _SHELF]
    for _ in range(shelves.fullest - 1):
        rows += shelves.hashes[rows] < hashed
    known = np.flatnonzero(shelves.hashes[rows] == hashed)
    return known, rows[known]


_TIMES = np.array([0, 16, 27, 34, 38, 42, 45, 47, 49])


def scores(seen: Read, count: int, weights: Weights) -> Numbers:
    """Log-odds of every column for every account, in thousandths.

    Sums of whole numbers: a float holds each of them exactly, in whatever order and by whatever
    library they are added. Values of an account have the length `VALUE`, so that of few grams no
    sum reaches 2**24; of many none reaches 2**53.
    """
    most = max(np.diff(seen.bounds), default=0)
    exact = np.float32 if most <= _FEW_GRAMS else np.float64
    sums = np.zeros((count, weights.matrix.shape[1]), exact)
    value = seen.value.astype(exact)
    rows = weights.matrix[seen.row]
    for account, (start, end) in enumerate(pairwise(seen.bounds)):
        if start < end:
            np.dot(value[start:end], rows[start:end].astype(exact), out=sums[account])
    return ((sums.astype(np.int64) * weights.scale) >> SHIFT) + weights.bias
