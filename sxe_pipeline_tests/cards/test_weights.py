"""The trained weights: whole, small, the same everywhere, and never on a denied word."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline.cards.labeler import weights
from sxe_pipeline.cards.labeler.choices import INPUTS, confidence, probability
from sxe_pipeline.cards.labeler.evidence import Voice
from sxe_pipeline.cards.labeler.grams import grams
from sxe_pipeline.errors import BadConfig

HOME = Path(weights.__file__).parent
CARD = Path(__file__).parents[2] / "docs" / "label_model.md"
SHA256 = "3c51044d69c157f90e5f9441b06d1ff11e655afe7dfadcb5566e0dc85a54f798"


@pytest.fixture
def home(tmp_path):
    for name in (weights.FILE, weights.DIGEST):
        shutil.copy(HOME / name, tmp_path)
    return tmp_path


def arrays(folder):
    with np.load(folder / weights.FILE, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def store(folder, changed):
    np.savez_compressed(folder / weights.FILE, **changed)
    (folder / weights.DIGEST).write_text(weights.digest(changed) + "\n")


def test_the_shipped_weights_are_those_of_the_model_card(shipped) -> None:
    found = weights.shipped(shipped)

    assert found.version == f"1+{SHA256}"
    assert (HOME / weights.FILE).stat().st_size <= 4_000_000
    assert found.matrix.dtype == np.int8
    trained_for = found.about["taxonomy"]
    assert f"| Trained for | taxonomy {trained_for}," in CARD.read_text(encoding="utf-8")
    assert trained_for.split(".")[:2] == shipped.version.split(".")[:2], "phrases may be newer"
    assert found.about["ruleset"]
    assert found.matrix.shape[1] == sum(map(len, found.columns.values()))
    assert all(trees.inputs.max() < len(INPUTS) for trees in found.trees.values())


def test_packing_and_unpacking_changes_nothing(shipped) -> None:
    stored = arrays(HOME)

    packed = weights.packed(weights.unpacked(stored, ""))

    assert weights.digest(packed) == weights.digest(stored) == SHA256


def test_no_denied_word_is_in_the_vocabulary(shipped) -> None:
    words = sorted(shipped.denied_words)
    known = set(weights.shipped(shipped).vocabulary.tolist())

    found = [grams(words, salt) for salt in range(5)]
    ends = [np.array([len(words[text]) for text in each.text]) for each in found]
    whole = {
        hashed
        for each, end in zip(found, ends, strict=True)
        for hashed in each.hashed[(each.start <= 0) & (each.end >= end)].tolist()
    }

    assert len(whole) > 200
    assert not whole & known


def test_weights_that_are_not_what_their_digest_says_are_refused(home) -> None:
    changed = arrays(home)
    changed["matrix"][0, 0] += 1
    np.savez_compressed(home / weights.FILE, **changed)

    with pytest.raises(BadConfig, match=r"weights.npz is not what weights.sha256 says"):
        weights.load(home)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda a: a | {"matrix": a["matrix"][:, :-1]}, id="a column less"),
        pytest.param(lambda a: a | {"rarity": a["rarity"][:-1]}, id="a gram less"),
        pytest.param(lambda a: a | {"matrix": a["matrix"][0]}, id="one dimension less"),
        pytest.param(lambda a: a | {"limits": a["limits"][:-1]}, id="a limit less"),
        pytest.param(lambda a: a | {"tribe_masks": a["tribe_masks"][:-1]}, id="a tree less"),
        pytest.param(lambda a: {k: v for k, v in a.items() if k != "bias"}, id="no constants"),
        pytest.param(lambda a: {k: v for k, v in a.items() if k != "tribe_leaves"}, id="no leaves"),
        pytest.param(lambda a: a | {"columns": a["columns"] + "/x"}, id="names of another form"),
    ],
)
def test_weights_of_another_shape_are_refused_with_one_sentence(home, spoil) -> None:
    store(home, spoil(arrays(home)))

    with pytest.raises(BadConfig, match="train them again") as told:
        weights.load(home)

    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", [weights.FILE, weights.DIGEST])
@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut", b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_refused(home, name, content) -> None:
    (home / name).unlink()
    if content is not None:
        (home / name).write_bytes(content)

    with pytest.raises(BadConfig, match="install the package again"):
        weights.load(home)


def test_a_pickle_in_the_weights_is_never_opened(home) -> None:
    changed = arrays(home) | {"about": np.array([{"taxonomy": "0"}], dtype=object)}
    np.savez_compressed(home / weights.FILE, **changed)

    with pytest.raises(BadConfig, match="cannot be read"):
        weights.load(home)


def test_a_taxonomy_of_another_major_version_is_refused(shipped) -> None:
    with pytest.raises(BadConfig, match=r"trained for taxonomy 0\.\d+\.\d+, this is 7\.0\.0"):
        weights.check(weights.shipped(shipped), replace(shipped, version="7.0.0"))


@settings(deadline=None)
@given(st.lists(st.text(alphabet="abcd writer 日本😀#", max_size=60), max_size=5))
def test_scores_are_the_plain_sums_of_whole_numbers(shipped, bios) -> None:
    found = weights.shipped(shipped)
    texts = [weights.texts_of(Voice(bio=bio)) for bio in bios]
    if not texts:
        return
    seen = weights.read(texts, found)

    table = weights.scores(seen, len(texts), found)

    for account in range(len(texts)):
        mine = seen.account == account
        rows, values = seen.row[mine].tolist(), seen.value[mine].tolist()
        for column in (0, 70, -1):
            plain = sum(int(found.matrix[r, column]) * v for r, v in zip(rows, values, strict=True))
            scaled = (plain * int(found.scale[column])) >> weights.SHIFT
            assert table[account, column] == scaled + int(found.bias[column])


def walk(tree, trees, row) -> int:
    """The leaf that a plain reading of the masks leaves first."""
    left = 0xFF
    for column, limit, mask in zip(
        trees.inputs[tree], trees.limits[tree], trees.masks[tree], strict=True
    ):
        if row[column] > limit:
            left &= int(mask)
    return int(trees.leaves[tree][(left & -left).bit_length() - 1])


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_trees_answer_row_by_row_what_they_answer_in_a_batch(shipped, seed) -> None:
    trees = weights.shipped(shipped).trees["persona"]
    rows = np.random.default_rng(seed).integers(-1, 1_000_000, (7, len(INPUTS)))

    found = confidence(rows, trees).tolist()

    totals = [
        trees.start + sum(walk(tree, trees, row) for tree in range(len(trees.leaves)))
        for row in rows.tolist()
    ]
    assert found == (probability(np.array(totals)) // 1000).tolist()


def test_a_probability_grows_with_its_score_and_stays_between_nought_and_one() -> None:
    chances = probability(np.arange(-30_000, 30_000, 7))

    assert (np.diff(chances) >= 0).all()
    assert (chances.min(), chances.max(), probability(np.array([0]))[0]) == (45, 999_955, 500_000)


@pytest.mark.parametrize("count", [1, 300, 3_000, 3_001, 50_000])
def test_the_largest_sums_there_can_be_are_exact(shipped, count) -> None:
    trained = weights.shipped(shipped)
    width = len(trained.scale)
    greatest = replace(trained, matrix=np.full((count, width), 127, np.int8))
    value = np.full(count, round(weights.VALUE / count**0.5), np.int64)
    nothing, grams_ = np.zeros(count, np.int64), np.arange(count)
    seen = weights.Read(nothing, grams_, nothing, nothing, nothing, value, nothing, [0, count])

    plain = [127 * int(value.sum()) * scale >> weights.SHIFT for scale in trained.scale.tolist()]
    assert (weights.scores(seen, 1, greatest)[0] == plain + trained.bias).all()
