"""Coverage on real bios: a floor under what the documentation says, where real data is at hand."""

import csv
import json
from pathlib import Path

import pytest

from sxe_pipeline.cards import text
from sxe_pipeline.cards.labeler.evidence import Voice
from sxe_pipeline.cards.labeler.label import label
from sxe_pipeline.cards.taxonomy import Taxonomy


def _developers(data: Path) -> list[str | None]:
    with (data / "truth" / "biodrop_profiles.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line).get("bio") for line in lines]


def _tiktok(data: Path) -> list[str | None]:
    with (data / "tables" / "tiktok_authormeta_2020.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line).get("signature") for line in lines]


def _x(data: Path) -> list[str | None]:
    file = data / "tables" / "x_crowdflower_profiles.csv"
    with file.open(encoding="utf-8", newline="") as stream:
        return [row["description_repaired"] or row["description"] for row in csv.DictReader(stream)]


@pytest.mark.parametrize(
    ("bios", "floor"),
    [
        pytest.param(_developers, 0.70, id="developers"),
        pytest.param(_x, 0.20, id="X, bios alone"),
        pytest.param(_tiktok, 0.11, id="TikTok, bios alone"),
    ],
)
def test_own_words_tagged_share_of_eligible_does_not_fall(
    data: Path, shipped: Taxonomy, bios, floor: float
) -> None:
    eligible = tagged = 0
    for bio in map(text.clean, bios(data)):
        bare = text.skeleton(bio or "")
        language = text.language(bio or "")[0]
        words = shipped.stop_words.get(language or "en", frozenset())
        if text.tokens(bare).informative(words) < 3:
            continue
        eligible += 1
        tagged += label([Voice(bio=bio, language=language)], shipped).is_own_words

    assert tagged / eligible >= floor
