"""Labels: new cards a second, of one core, by rules alone and by trained weights.

Usage: [SXE_TEST_DATA=DIR] python bench/labels.py [CARDS]

One account a card, every text distinct: profiles of the folder that SXE_TEST_DATA names, else of
the invented world. Timed is all that a new card costs for its labels: cleaning, language where it
decides, phrases, weights, evidence. Rules alone and weights take turns, so that another load on the
machine meets both. CPU seconds, the best of three turns; the ratio is the middle one.
"""

import os
import random
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import measured

from sxe_pipeline import contracts_root
from sxe_pipeline.cards import taxonomy, text, truth
from sxe_pipeline.cards.labeler import weights
from sxe_pipeline.cards.labeler.learned import Said, label_all
from sxe_pipeline.cli.evaluate import labelled_accounts
from sxe_pipeline.sandbox import people

_TURNS = 3
_BATCH = 512


def invented(count: int) -> list[dict]:
    found = people.population(random.Random(1), count)
    told = {
        account.bio: {
            "platform": account.platform,
            "handle": account.handle,
            "bio": account.bio,
            "display_name": account.name,
            "follower_count": account.followers,
        }
        for account in found
    }
    return list(told.values())


def real(folder: Path, count: int) -> list[dict]:
    told = {voice.bio: voice for voice in labelled_accounts(folder).values()}
    rows = [voice._asdict() | {"links": voice.link_domains} for voice in told.values()]
    return rows[:count]


def main() -> None:
    """Print a line for rules alone and for weights, and the goal."""
    [count] = measured.sizes(10_000)
    folder = os.environ.get("SXE_TEST_DATA")
    rows = real(Path(folder), count) if folder else invented(count)
    labels = taxonomy.load(contracts_root() / "taxonomy")
    trained = weights.shipped(labels)

    def act(chosen: weights.Weights | None) -> None:
        for start in range(0, len(rows), _BATCH):
            languages = text.Languages()
            cards = []
            for row in rows[start : start + _BATCH]:
                voice = truth.voice_of(row)
                cards.append(Said([voice._replace(language=languages.of(voice.bio))]))
            label_all(cards, labels, chosen)

    act(trained)
    ways = {"rules alone": lambda: act(None), "trained weights": lambda: act(trained)}
    spent = measured.in_turns(ways, _TURNS)
    print(f"{len(rows)} cards, every text distinct")
    for way, seconds in spent.items():
        print(
            f"{way:16} {len(rows) / min(seconds):8,.0f} cards/s {measured.spread(seconds)}, "
            f"{measured.ratio(seconds, spent['rules alone']):.2f}x rules alone"
        )
    measured.judge("labels", len(rows) / min(spent["trained weights"]))


if __name__ == "__main__":
    main()
