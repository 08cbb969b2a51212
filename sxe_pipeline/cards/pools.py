"""Lead cards, and the audience beside them, become audience pools.

Here: one row per market x pool x persona x tribe x country, and the facets that no pool has. DuckDB
counts, over the columns that it needs and batch by batch; what SQL does not know as Python does
(what a word is, which letters are the same) it asks two functions of here. Not here: which pool a
card is in (`routes.csv`, decided in `build`), reading and writing tables (`pool_table`).
"""

from collections.abc import Callable
from functools import lru_cache

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from sxe_pipeline.cards.text import phrase_skeleton
from sxe_pipeline.schema import duck
from sxe_pipeline.schema.tables import POOL

TOP_EVIDENCE = 5
SAMPLE_CARDS = 5
MIN_CARDS_PER_TERM = 2
FACETS = ("language", "follower_band")
KEYS = ("market", "audience_pool", "persona", "tribe", "country")

_KEYS = ", ".join(KEYS)
_IDENTIFIABLE = """
readiness_state = 'ready' and account_type in ('person', 'creator')
and (country <> '' or len(link_domains) > 0)
"""
_MAY_SPEAK = "readiness_state <> 'withheld'"
"""Who may not leave is counted: a word or a median would be what that one said or has."""
_LEADS = f"""
select {_KEYS},
    count(*) as card_count,
    count(*) filter (where readiness_state = 'ready') as ready_count,
    count(*) filter (where is_tagged) as tagged_count,
    count(*) filter (where case when {_IDENTIFIABLE} then is_full_name(display_name) end)
        as identifiable_count,
    case when count(followers) % 2 = 1 then quantile_disc(followers, 0.5)
        else trunc((quantile_disc(followers, 0.5)::hugeint
            + quantile_disc(followers, -0.5))::double / 2)::bigint
        end as median_follower_count,
    min((readiness_state <> 'ready', card_id), {SAMPLE_CARDS}) as samples
from (select *, case when {_MAY_SPEAK} then follower_count end as followers from cards)
group by all
"""
"""`case` asks for the name of those alone who could be identified; of an even number of counts the
median lies between the two in the middle. The first samples are ready."""

_TERMS = f"""
with said as (
    select {_KEYS}, unnest(list_distinct([
        term_of(item.text) for item in evidence
        if item.text <> '' and item.source <> 'audience' and item.label in (persona, tribe)
    ])) as term from cards where {_MAY_SPEAK}
), shared as (
    select {_KEYS}, term, count(*) as said_by from said where term <> '' group by all
    having said_by >= {MIN_CARDS_PER_TERM}
)
select {_KEYS}, list(term order by said_by desc, term)[:{TOP_EVIDENCE}] as terms
from shared group by all
"""
"""A card says a term once, however it spells it."""

_AUDIENCE = """
select market, audience_pool, null::varchar as persona, tribe, country, count(*) as audience_count
from others where kind = 'audience' group by all
"""
_POOLS = f"""
with leads as ({_LEADS}), terms as ({_TERMS}), audience as ({_AUDIENCE}),
keyed as (select {_KEYS} from leads union select {_KEYS} from audience)
select {", ".join(f"keyed.{key}" for key in KEYS)},
    coalesce(card_count, 0) as card_count,
    coalesce(ready_count, 0) as ready_count,
    coalesce(tagged_count, 0) as tagged_count,
    coalesce(identifiable_count, 0) as identifiable_count,
    coalesce(audience_count, 0) as audience_count,
    median_follower_count,
    coalesce(terms, []) as top_evidence,
    coalesce([sample[2] for sample in samples], []) as sample_card_ids
from keyed
left join leads on {{leads}} left join terms on {{terms}} left join audience on {{audience}}
order by {", ".join(f"keyed.{key} nulls first" for key in KEYS)}
"""


def pools(cards: duck.Rows, others: duck.Rows) -> pa.Table:
    """Count the cards and the audience of every pool.

    Args:
        cards: Table LEAD_CARD, in any order.
        others: Table OTHERS, in any order.

    Returns:
        Table POOL, sorted by its key. Words and medians are of cards that are not withheld. A top
        evidence term stands in at least two cards. A card is identifiable where it holds what a
        provider needs to recognise somebody: a ready card of a person or creator with a name of at
        least two words, and either a country the profile states or a web domain of its own.
    """
    with duck.opened() as engine:
        _teach(engine, "is_full_name", is_full_name, "BOOLEAN", pa.bool_())
        _teach(engine, "term_of", _term, "VARCHAR", pa.string())
        duck.show(engine, cards=cards, others=others)
        same = {name: _same_key(name) for name in ("leads", "terms", "audience")}
        counted = engine.sql(_POOLS.format(**same)).to_arrow_table()
    columns = [counted[field.name].cast(field.type) for field in POOL.schema]
    return pa.Table.from_arrays(columns, schema=POOL.schema)


def facets(cards: duck.Rows) -> list[tuple[str, str, str | None, int]]:
    """Count the lead cards of each market by language and by follower band.

    Args:
        cards: Table LEAD_CARD, in any order.

    Returns:
        Rows of `cards.facet`: market, facet, its value (null: not known), cards.
    """
    counts = " union all ".join(
        f"select market, '{facet}' as facet, {facet} as value, count(*) from cards group by all"
        for facet in FACETS
    )
    with duck.opened() as engine:
        duck.show(engine, cards=cards)
        return engine.sql(counts).fetchall()


def is_full_name(display_name: str | None) -> bool:
    """Whether a name has at least two words of letters alone.

    Example:
        >>> is_full_name("Ana-Lena 🌱"), is_full_name("Ana 99"), is_full_name(None)
        (True, False, False)
    """
    words = [word for word in phrase_skeleton(display_name or "").split() if word.isalpha()]
    return len(words) > 1


@lru_cache(1 << 16)
def _term(words: str) -> str:
    """Words of evidence as people read them, the same for another case or a hashtag.

    Example:
        >>> _term("Software developer/Programmer"), _term("#Baker")
        ('software developer/programmer', 'baker')
    """
    return " ".join(words.casefold().lstrip("#").split())


def _teach(
    engine: duckdb.DuckDBPyConnection,
    name: str,
    function: Callable[[str], object],
    sql_type: str,
    arrow_type: pa.DataType,
) -> None:
    """Let SQL ask a function of Python about texts."""

    def of_all(texts: pa.ChunkedArray) -> pa.Array:
        coded = texts.combine_chunks().dictionary_encode()
        answers = pa.array(map(function, coded.dictionary.to_pylist()), arrow_type)
        return answers.take(coded.indices)

    engine.create_function(
        name,
        of_all,
        ["VARCHAR"],
        sql_type,
        type=PythonUDFType.ARROW,
        null_handling=FunctionNullHandling.SPECIAL,
    )


def _same_key(table: str) -> str:
    return " and ".join(f"{table}.{key} is not distinct from keyed.{key}" for key in KEYS)
