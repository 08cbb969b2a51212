"""Why a card is gone: by the real jobs, and for what only people and time bring about."""

from datetime import timedelta

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from sxe_pipeline.cards.gone import gone_cards
from sxe_pipeline.handoff.reader.verify import verify
from sxe_pipeline.store import key_files, sql
from sxe_pipeline_tests.places import TODAY, land, person

DAYS = [TODAY - timedelta(days=n) for n in (2, 1)]
CODER = "Software engineer. I write Python and love hiking"


def test_a_delta_says_of_each_card_that_is_gone_what_became_of_it(place):
    home = place.settings.home
    land(home, DAYS[0], [person(n) for n in range(12)])
    place.tick()
    assert place.run("tier1_day", DAYS[0]).is_success
    of_account = {
        row["handle"]: row["card_id"] for row in place.table("cards/lead_cards").to_pylist()
    }

    land(
        home,
        DAYS[1],
        [person(0, bio=CODER), person(1, protected=True), person(2, bio="hi"), person(12)],
    )
    place.tick()
    run = place.run("tier1_day", DAYS[1])

    assert run.is_success, run.failure
    batches = place.rows(
        "select market, kind, row_count, remove_count, batch_id from handoff.batch "
        "where state = 'published' and contract = 'lead_card' order by published_seq"
    )
    assert [batch[:4] for batch in batches] == [
        ("x_general", "full", 12, 0),
        ("developers", "full", 1, 0),
        ("x_general", "delta", 1, 3),
    ]
    folder = home / "handoff" / "lead_card" / "v1" / batches[2][4]
    assert verify(folder, key_files.of_home(home).public_key).remove_count == 3
    removes = pq.read_table(folder / "_removes" / "parquet").to_pylist()
    assert {row["card_id"]: row["reason"] for row in removes} == {
        of_account["maker0"]: "left_market",
        of_account["maker1"]: "withheld",
        of_account["maker2"]: "no_lead",
    }
    assert {(row["market"], row["into_card_id"]) for row in removes} == {("x_general", None)}

    merged, erased, both, survivor, other = (of_account[f"maker{n}"] for n in (3, 4, 5, 6, 7))
    gone_since(place, aliases={merged: survivor, both: other}, suppressed=[erased, both])
    with sql.connect(place.settings.need("social_dsn")) as conn:
        asked = pa.array([merged, erased, both, "0" * 32, of_account["maker0"]])
        of_developers = gone_cards(conn, place.settings)("developers", asked).to_pylist()
        said = gone_cards(conn, place.settings)("x_general", asked).to_pylist()
    assert [(row["card_id"], row["reason"], row["into_card_id"]) for row in said] == [
        (merged, "merged", survivor),
        (erased, "erased", None),
        (both, "erased", None),
        ("0" * 32, "retired", None),
        (of_account["maker0"], "left_market", None),
    ], "a no of the person wins over whatever else became of the card"
    assert of_developers[4]["reason"] == "withheld", "it is in that market itself"


def gone_since(place, aliases, suppressed):
    """What resolving and persons would write."""
    with psycopg.connect(place.superuser()) as conn:
        events = conn.execute("select event_id from audit.event").fetchall()
        for card_id, survivor in aliases.items():
            conn.execute(
                "insert into social.alias (card_id, survivor_card_id, cause, since, event_id) "
                "values (%s, %s, 'linked', now(), %s)",
                [card_id, survivor, *events[0]],
            )
        for number, card_id in enumerate(suppressed):
            conn.execute(
                "insert into privacy.suppression (card_id, reason, added_by, event_id) "
                "values (%s, 'asked to', 'ana', %s)",
                [card_id, *events[number + 1]],
            )
