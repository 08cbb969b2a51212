"""What decides about every card: labels, weights, collections, the newest day, the policy.

Here: the value, and how another process comes to the same: it is told digests and plain data, and
loads what they stand for from its own package. Not here: reading what was decided (`inputs`), what
follows for a card (`build`).
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property, lru_cache
from typing import NamedTuple

from sxe_pipeline import contracts_root
from sxe_pipeline.cards import taxonomy
from sxe_pipeline.cards.labeler.learned import RULES_ONLY
from sxe_pipeline.cards.labeler.weights import Weights, shipped
from sxe_pipeline.cards.reading import DeclaredAudience, key_prefix
from sxe_pipeline.cards.rules import Facts, Rule, decide
from sxe_pipeline.cards.taxonomy import FALLBACK_MARKET, Taxonomy
from sxe_pipeline.errors import ContractBroken
from sxe_pipeline.privacy.policy import Policy


class Known(NamedTuple):
    """What rules of markets and routes may ask of a card; null or empty: it does not say."""

    collections: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    language: str | None = None
    country: str | None = None
    persona: str | None = None
    persona_family: str | None = None
    tribe: str | None = None
    account_type: str | None = None
    follower_band: str | None = None

    @property
    def facts(self) -> Facts:
        """Condition column -> its values."""
        said = {
            "language": (self.language,),
            "country": (self.country,),
            "persona": (self.persona, self.persona_family),
            "tribe": (self.tribe,),
            "account_type": (self.account_type,),
            "follower_band": (self.follower_band,),
        }
        stated = {column: [v for v in values if v] for column, values in said.items()}
        return {"collection": self.collections, "platform": self.platforms, **stated}


_FIELDS = {
    "collection": "collections",
    "platform": "platforms",
    **{name: name for name in ("language", "country", "tribe", "account_type", "follower_band")},
}
"""Condition column -> the field that answers it alone; a persona takes two."""
_HOLD = (None, "hold")
_KEPT = 1 << 16


@dataclass(frozen=True)
class InForce:
    """What decides about every card.

    Attributes:
        taxonomy: Labels, markets and routes.
        collections: What each collection declares; a collection that is missing declares nothing.
        newest_day: The newest landed day; staleness counts from it.
        policy: What each platform allows.
        weights: The trained weights; None labels by rules alone.
        suppressed: Ids of cards that asked to be left alone: withheld.
        code: A digest of what labels; part of `labels_key`.
    """

    taxonomy: Taxonomy
    collections: Mapping[str, DeclaredAudience]
    newest_day: date
    policy: Policy
    weights: Weights | None = None
    suppressed: Set[str] = frozenset()
    code: str = ""

    @cached_property
    def versions(self) -> Mapping[str, str]:
        """The columns that say what a card was made with."""
        return {
            "taxonomy_version": f"{self.taxonomy.version}+{self.taxonomy.sha256[:12]}",
            "model_version": self.weights.version if self.weights else RULES_ONLY,
            "policy_version": self.policy.version,
        }

    @cached_property
    def key_prefix(self) -> str:
        """What each `labels_key` begins with."""
        found = self.versions
        return key_prefix(found["taxonomy_version"], found["model_version"], self.code)

    @cached_property
    def markets(self) -> Sequence[Rule]:
        """The rules of markets; one that a collection declares stands before those of the file."""
        declared = (
            Rule((("collection", frozenset((name,))),), (market,))
            for name, (_, market) in sorted(self.collections.items())
            if market
        )
        return (*declared, *self.taxonomy.markets)

    @cached_property
    def decided(self) -> Callable[[Known], tuple[str, str | None, str]]:
        """Market, pool and execution label by what is known of a card."""
        return _decided(tuple(self.markets), tuple(self.taxonomy.routes))

    @property
    def named(self) -> "Named":
        """The same for another process; who is suppressed is told card by card."""
        return Named(
            self.taxonomy.sha256,
            self.weights.version if self.weights else None,
            self.collections,
            self.newest_day,
            self.policy,
            self.code,
        )


@lru_cache(maxsize=4)
def _decided(
    markets: tuple[Rule, ...], routes: tuple[Rule, ...]
) -> Callable[[Known], tuple[str, str | None, str]]:
    """What these tables decide: the same for very many, and kept from one batch to the next."""
    asked = {column for rule in (*markets, *routes) for column, _ in rule.conditions}
    unasked = {field for column, field in _FIELDS.items() if column not in asked}
    nothing = {field: Known._field_defaults[field] for field in unasked}

    @lru_cache(_KEPT)
    def decided(known: Known) -> tuple[str, str | None, str]:
        facts = known.facts
        [market] = decide(markets, facts) or (FALLBACK_MARKET,)
        pool, execution = decide(routes, {**facts, "market": [market]}) or _HOLD
        return market, pool, execution

    return lambda known: decided(known._replace(**nothing))


@dataclass(frozen=True)
class Named:
    """`InForce` as another process is told it: no more than digests and plain data.

    Attributes:
        taxonomy: Its `sha256`.
        model: The version of the weights; None labels by rules alone.
        collections: As `InForce` has them; the rest likewise.
    """

    taxonomy: str
    model: str | None
    collections: Mapping[str, DeclaredAudience]
    newest_day: date
    policy: Policy
    code: str

    def opened(self) -> InForce:
        """What it stands for, of the package of this process.

        Raises:
            ContractBroken: That package holds other labels or weights.
        """
        labels, weights = _shipped(self.taxonomy, self.model)
        return InForce(
            labels, self.collections, self.newest_day, self.policy, weights, code=self.code
        )


@cache
def _shipped(sha256: str, model: str | None) -> tuple[Taxonomy, Weights | None]:
    labels = taxonomy.load(contracts_root() / "taxonomy")
    weights = shipped(labels) if model else None
    if labels.sha256 != sha256 or (weights and weights.version != model):
        raise ContractBroken(
            "a process that makes cards holds other labels or weights than the one that started "
            "it; install the same package for both"
        )
    return labels, weights
