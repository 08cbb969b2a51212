"""Train the weights of the labeler from the labelled accounts in SXE_TEST_DATA.

usage: SXE_TEST_DATA=DIR python bench/labels_train.py [--held-out FILE] [--out FILE]

Linear models are fitted without BLAS, one column a label; their scores for an account come from
models that never saw it, and trees learn from these which candidate is right. Accounts that
`truth.is_held_back` names take part in nothing; --held-out writes their rows of the truth. The
same data gives the same bytes. Needs scikit-learn (the extra `train`). See
docs/label_model.md.
"""

import argparse
import csv
import hashlib
import os
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import limits_train
import numpy as np
import scipy.sparse as sp
from limits_train import Best
from sklearn.ensemble import HistGradientBoostingClassifier

from sxe_pipeline import contracts_root, redact
from sxe_pipeline.cards import taxonomy, text, truth
from sxe_pipeline.cards.labeler import choices, weights
from sxe_pipeline.cards.labeler.evidence import Cases, Voice, listen
from sxe_pipeline.cards.labeler.grams import grams
from sxe_pipeline.cli.evaluate import labelled_accounts

FOLDS = 5
MIN_ACCOUNTS = 5
MIN_ROWS = 3
STRENGTH = 4.0
STEPS = 50
LENGTH = np.sqrt(3.0)
OCCUPATIONS = ("0", "1", "2", "3", "4", "5", "6", "7", "A", "B")
TREES = {
    "max_iter": 60,
    "max_leaf_nodes": 6,
    "learning_rate": 0.12,
    "min_samples_leaf": 30,
    "l2_regularization": 2.0,
    "early_stopping": False,
}


def fold(key: truth.Key) -> int:
    return int(hashlib.sha256(f"fold:{key[0]}{key[1]}".encode()).hexdigest(), 16) % FOLDS


class Data:
    """Accounts, what is known of them, and their grams."""

    def __init__(self, folder: Path) -> None:
        self.taxonomy = taxonomy.load(contracts_root() / "taxonomy")
        found = labelled_accounts(folder)
        self.keys = sorted(found)
        self.voices = [self.told(found[key]) for key in self.keys]
        self.texts = [weights.texts_of(voice) for voice in self.voices]
        self.at = {key: number for number, key in enumerate(self.keys)}
        self.is_held_back = np.array([truth.is_held_back(key) for key in self.keys])
        self.fold = np.array([fold(key) for key in self.keys])
        self.truth = [row for row in truth.read_truth(folder) if row.key in self.at]
        self.columns = self.columns_of()
        self.targets = self.targets_of(folder)
        self.blank = self.vocabulary()
        self.seen = weights.read(self.texts, self.blank)
        shape = (len(self.keys), len(self.blank.vocabulary))
        value = self.seen.value * LENGTH / weights.VALUE
        self.grams = sp.csr_matrix((value, (self.seen.account, self.seen.row)), shape=shape)

    def told(self, voice: Voice) -> Voice:
        bio = voice.bio
        return voice._replace(language=lambda: text.language(bio)[0])

    def columns_of(self) -> dict[str, tuple[str, ...]]:
        """Task -> its labels: those that readers gave often enough; others stand on phrases."""
        allowed = [row for row in self.truth if not truth.is_held_back(row.key)]
        personas = Counter(name for row in allowed for name in row.personas)
        tribes = Counter(name for row in allowed for name in row.tribes)
        enough = (sorted(n for n in found if found[n] >= MIN_ROWS) for found in (personas, tribes))
        named = [[n for n in names if self.is_known(n)] for names in enough]
        return {
            "persona": (*named[0], choices.ENTHUSIAST, choices.NONE),
            "tribe": (*named[1], choices.NONE),
            "account_type": ("person", "organisation", "creator", "fan_or_parody", "unknown"),
            "occupation": OCCUPATIONS,
            "brand": ("brand",),
        }

    def is_known(self, name: str) -> bool:
        return name in self.taxonomy.personas or name in self.taxonomy.tribes

    def targets_of(self, folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Task -> the accounts whose answer is known, and account x label whether it is right."""
        rows = np.array([self.at[row.key] for row in self.truth])
        found = {
            kind: (
                rows,
                np.array(
                    [[is_right(kind, n, row) for n in self.columns[kind]] for row in self.truth]
                ),
            )
            for kind in choices.KINDS
        }
        jobs = {
            k: v
            for k, v in truth.read_occupations(folder).items()
            if k in self.at and v in OCCUPATIONS
        }
        at = np.array([self.at[key] for key in jobs])
        found["occupation"] = at, np.array([[v == o for o in OCCUPATIONS] for v in jobs.values()])
        brands = {k: v for k, v in truth.read_brands(folder).items() if k in self.at}
        at = np.array([self.at[key] for key in brands])
        found["brand"] = at, np.array([[v] for v in brands.values()])
        return found

    def truth_of(self, at: np.ndarray) -> list[truth.Truth]:
        found = {self.at[row.key]: row for row in self.truth}
        return [found[number] for number in at]

    def vocabulary(self) -> weights.Weights:
        """Grams that enough accounts use, none of them held back; no weights yet."""
        allowed = [t for t, held in zip(self.texts, self.is_held_back, strict=True) if not held]
        denied = sorted(self.taxonomy.denied_words)
        word = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, denied)) + r")(?!\w)")
        bare = [tuple(word.sub("\n", text) for text in texts) for texts in allowed]
        hashed, users = users_of(bare)
        whole, all_users = users_of(allowed)
        of_all = all_users[np.searchsorted(whole, hashed) % len(whole)]
        # What stands mostly in denied words, in whole or in part, is no ground for a label.
        known = (users >= MIN_ACCOUNTS) & (2 * users >= of_all)
        known &= ~np.isin(hashed, whole_grams(denied))
        rarity = np.rint(64 * (1 + np.log(len(allowed) / users[known]))).astype(np.int64)
        none = np.zeros((int(known.sum()), 0), np.int8)
        empty = np.zeros(0, np.int64)
        return weights.Weights(
            "", {}, hashed[known], rarity, none, empty, empty, self.columns, {}, {}
        )


def whole_grams(words: Sequence[str]) -> np.ndarray:
    """The grams that cover a word from end to end, in whatever field it stands."""
    lengths = np.array([len(word) for word in words])
    found = [grams(words, salt) for salt in range(len(weights.FIELDS))]
    return np.concatenate(
        [each.hashed[(each.start <= 0) & (each.end >= lengths[each.text])] for each in found]
    )


def users_of(texts: Sequence[weights.Texts]) -> tuple[np.ndarray, np.ndarray]:
    """Hash -> how many accounts have it."""
    found, _ = weights.occurrences(texts)
    pairs = np.unique(np.stack([found.text.astype(np.uint64), found.hashed], axis=1), axis=0)
    return np.unique(pairs[:, 1], return_counts=True)


def is_right(kind: str, label: str, row: truth.Truth) -> bool:
    if kind == "account_type":
        return row.account_type == label
    if kind == "tribe":
        return label in row.tribes or (label == choices.NONE and not row.tribe)
    if label == choices.ENTHUSIAST:
        return row.family == choices.ENTHUSIAST
    return label in row.personas or (label == choices.NONE and not row.family and not row.persona)


def fit(grams: sp.csr_matrix, right: np.ndarray) -> np.ndarray:
    """One logistic regression a column, by accelerated steps; its last row is the constant."""
    matrix = sp.hstack([grams, np.ones((grams.shape[0], 1))], format="csr")
    turned = matrix.T.tocsr()
    # Sums of absolute rows bound the curvature per gram: rare words move as fast as common ones.
    bound = abs(turned) @ (abs(matrix) @ np.ones(matrix.shape[1]))
    pace = 1 / (STRENGTH / 4 * bound + 1)[:, None]
    sign = np.where(right, 1.0, -1.0)
    found = ahead = np.zeros((matrix.shape[1], right.shape[1]))
    speed = 1.0
    for _ in range(STEPS):
        slope = -sign / (1 + np.exp(sign * (matrix @ ahead)))
        step = ahead - pace * (STRENGTH * (turned @ slope) + ahead)
        faster = (1 + np.sqrt(1 + 4 * speed * speed)) / 2
        ahead = step + (speed - 1) / faster * (step - found)
        found, speed = step, faster
    return found


def trained(data: Data, without: int | None) -> weights.Weights:
    """Weights from all accounts that may be learnt from, but those of one fold."""
    parts = []
    for task in data.columns:
        rows, right = data.targets[task]
        allowed = ~data.is_held_back[rows] & (data.fold[rows] != without)
        parts.append(fit(data.grams[rows[allowed]], right[allowed]))
    return quantised(data.blank, np.round(np.hstack(parts), 4))


def quantised(blank: weights.Weights, found: np.ndarray) -> weights.Weights:
    step = np.round(np.maximum(abs(found[:-1]).max(axis=0), 0.01) / 127, 5)
    matrix = np.clip(np.rint(found[:-1] / step), -127, 127).astype(np.int8)
    scale = np.rint(step * LENGTH / weights.VALUE * weights.UNIT * (1 << weights.SHIFT))
    bias = np.rint(found[-1] * weights.UNIT)
    return replace(blank, matrix=matrix, scale=scale.astype(np.int64), bias=bias.astype(np.int64))


def scores_of(data: Data, fitted: weights.Weights, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    seen = weights.read([data.texts[number] for number in at], fitted)
    return weights.scores(seen, len(at), fitted), seen.word_count


def unseen_scores(data: Data, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores of accounts by models that did not learn from them."""
    width = sum(map(len, data.columns.values()))
    found, words = np.zeros((len(at), width), np.int64), np.zeros(len(at), np.int64)
    for number in range(FOLDS):
        mine = data.fold[at] == number
        found[mine], words[mine] = scores_of(data, trained(data, number), at[mine])
    return found, words


def cases_of(data: Data, at: np.ndarray) -> list[Cases]:
    found: list[Cases] = []
    for number in at:
        cases = Cases()
        listen(data.voices[number], 0, cases, data.taxonomy)
        found.append(cases)
    return found


def grown(inputs: np.ndarray, right: np.ndarray) -> weights.Trees:
    """Boosted trees as whole numbers: leaves from left to right, each split with what it leaves."""
    model = HistGradientBoostingClassifier(**TREES).fit(inputs.astype(float), right)
    ways = [walk(predictor.nodes) for (predictor,) in model._predictors]
    splits = TREES["max_leaf_nodes"] - 1
    tables = [np.zeros((len(ways), splits), np.int64) for _ in range(2)]
    masks = np.full((len(ways), splits), 0xFF, np.uint8)
    leaves = np.zeros((len(ways), splits + 1), np.int64)
    for tree, (asked, values) in enumerate(ways):
        leaves[tree, : len(values)] = np.rint(np.round(values, 6) * weights.UNIT)
        for at, (column, limit, mask) in enumerate(asked):
            tables[0][tree, at], tables[1][tree, at], masks[tree, at] = column, limit, mask
    start = int(np.rint(model._baseline_prediction.ravel()[0] * weights.UNIT))
    return weights.Trees(*tables, masks, leaves, start)


def walk(nodes: np.ndarray) -> tuple[list[tuple[int, int, int]], list[float]]:
    asked: list[tuple[int, int, int]] = []
    values: list[float] = []

    def visit(at: int) -> int:
        """The leaves below a node, as bits."""
        node = nodes[at]
        if node["is_leaf"]:
            values.append(float(node["value"]))
            return 1 << (len(values) - 1)
        left = visit(node["left"])
        limit = int(np.floor(node["num_threshold"]))
        asked.append((int(node["feature_idx"]), limit, 0xFF & ~left))
        return left | visit(node["right"])

    visit(0)
    return asked, values


def unseen_confidence(fold_of: np.ndarray, inputs: np.ndarray, right: np.ndarray) -> np.ndarray:
    found = np.zeros(len(right), np.int64)
    for number in range(FOLDS):
        mine = fold_of == number
        found[mine] = choices.confidence(inputs[mine], grown(inputs[~mine], right[~mine]))
    return found


def surest(count: int, of: choices.Choices, sure: np.ndarray, right: np.ndarray) -> Best:
    order = np.lexsort((-of.label, sure))
    best, label, is_right_ = np.zeros(count, np.int64), np.full(count, -1), np.zeros(count, bool)
    at = of.account[order]
    best[at], label[at], is_right_[at] = sure[order], of.label[order], right[order]
    return Best(best, label, is_right_)


def limits_of(
    data: Data, at: np.ndarray, best: Mapping[str, Best]
) -> tuple[dict[str, int], list[str]]:
    """The limits, and the curve on X that those of the pair were picked from."""
    is_x = np.array([data.keys[number][0].startswith("x_") for number in at])
    of_x = limits_train.of_accounts(best, is_x)
    pair = limits_train.choose(of_x["persona"], of_x["tribe"])
    organisation = data.columns["account_type"].index("organisation")
    true = np.array([row.account_type == "organisation" for row in data.truth_of(at)])
    sure = np.where(best["account_type"].label == organisation, best["account_type"].sure, -1)
    of_type = limits_train.best_f1(true, sure, range(300, 700, 20))
    limits = {"persona": pair.persona, "tribe": pair.tribe, "account_type": of_type}
    return limits, list(limits_train.curve(of_x["persona"], of_x["tribe"]))


def grow_brands(data: Data) -> tuple[weights.Trees, int]:
    """Trees that tell brands from people, and the limit at which their F1 is best."""
    at, right = data.targets[choices.BRAND]
    allowed = ~data.is_held_back[at]
    at, right = at[allowed], right[allowed, 0]
    table, words = unseen_scores(data, at)
    found = candidates(data, at, table, words, (choices.BRAND,))[choices.BRAND]
    sure = unseen_confidence(data.fold[at], found.inputs, right)
    limit = limits_train.best_f1(right, sure, range(200, 700, 20))
    return grown(found.inputs, right), limit


def candidates(data: Data, at: np.ndarray, table, words, kinds: Sequence[str]):
    voices = [data.voices[number] for number in at]
    cases = cases_of(data, at)
    return choices.choices(voices, cases, table, words, data.blank, data.taxonomy, kinds)


def train(folder: Path) -> tuple[weights.Weights, list[str]]:
    data = Data(folder)
    at = np.array(
        sorted(number for number in data.targets["persona"][0] if not data.is_held_back[number])
    )
    rows = data.truth_of(at)
    table, words = unseen_scores(data, at)
    found = candidates(data, at, table, words, choices.KINDS)
    trees, best = {}, {}
    said = [f"{len(at)} accounts learnt from, {len(data.blank.vocabulary)} grams"]
    for kind, of in found.items():
        labels = [data.columns[kind][label] for label in of.label]
        right = np.array(
            [is_right(kind, label, rows[n]) for n, label in zip(of.account, labels, strict=True)]
        )
        sure = unseen_confidence(data.fold[at][of.account], of.inputs, right)
        best[kind] = surest(len(at), of, sure, right)
        trees[kind] = grown(of.inputs, right)
    limits, curve = limits_of(data, at, best)
    trees[choices.BRAND], limits[choices.BRAND] = grow_brands(data)
    said += [f"limits {limits}", *curve]
    for name in ("x_", "tt_", "es", "biodrop"):
        mine = limits_train.of_accounts(
            best, np.array([row.key[0].startswith(name) for row in rows])
        )
        is_at = limits_train.point(
            mine["persona"], mine["tribe"], (limits["persona"], limits["tribe"])
        )
        said.append(f"{name}: {is_at}")
    about = {
        "taxonomy": data.taxonomy.version,
        "taxonomy_sha256": data.taxonomy.sha256,
        "ruleset": redact.RULESET_VERSION,
        "accounts": str(len(at)),
    }
    whole = trained(data, None)
    return replace(whole, about=about, trees=trees, limits=limits), said


def write_held_out(folder: Path, out: Path) -> None:
    with (folder / "truth" / truth.READ).open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        rows = [row for row in reader if truth.is_held_back((row["source"], row["key"]))]
        names = reader.fieldnames or []
    with out.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, names)
        writer.writeheader()
        writer.writerows(rows)


def main(argv: Sequence[str]) -> int:
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument(
        "--held-out", type=Path, help="write the rows of the truth nobody learns from"
    )
    given.add_argument("--out", type=Path, default=Path(weights.__file__).parent)
    options = given.parse_args(argv)
    folder = Path(os.environ["SXE_TEST_DATA"])
    if options.held_out:
        write_held_out(folder, options.held_out)
        return 0
    found, said = train(folder)
    arrays = weights.packed(found)
    np.savez_compressed(options.out / weights.FILE, **arrays)
    (options.out / weights.DIGEST).write_text(f"{weights.digest(arrays)}\n", encoding="ascii")
    print(*said, weights.digest(arrays), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
