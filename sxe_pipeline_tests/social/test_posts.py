"""Of a caption hashtags and clean terms are left; the caption is nowhere, and contacts are not."""

import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline.redact import Redacted
from sxe_pipeline.schema.tables import LANDED_ROW, OBSERVATION, POST_TERMS, PROFILE
from sxe_pipeline.social import checks, day, posts, profiles, retention
from sxe_pipeline.social.detectors import Detectors
from sxe_pipeline_tests.social import intake as landed
from sxe_pipeline_tests.social.landing import DAY, NEXT_DAY, File, sighting

KIND = LANDED_ROW.schema.field(posts.COLUMN).type
ADDRESS, NUMBER = "ana.lopes@protonmail.com", "+44 7700 900123"
CONTACTS = (ADDRESS, NUMBER, "ana dot lopes at protonmail dot com", "https://wa.me/447700900123")


def post(caption=None, hashtags=None, post_id="1", posted_at=None):
    return {"post_id": post_id, "posted_at": posted_at, "hashtags": hashtags, "caption": caption}


def said(caption=None, hashtags=None, detectors=None):
    """Hashtags and terms that are kept of one post."""
    column = pa.array([[post(caption, hashtags)]], KIND)
    [[kept]] = posts.evidence(column, detectors or Detectors()).to_pylist()
    return kept["hashtags"], kept["terms"]


@pytest.mark.parametrize(
    ("caption", "terms"),
    [
        pytest.param("My rye, my RYE bread!", ["bread", "my", "rye"], id="each word once"),
        pytest.param("bake at 7 with b2b and 5kg", ["and", "at", "bake", "with"], id="no digits"),
        pytest.param("thanks @ben.bakes and @cho", ["and", "thanks"], id="no names"),
        pytest.param(
            "see https://bread.example/rye or bread.example", ["or", "see"], id="no links"
        ),
        pytest.param(f"mail {ADDRESS} now", ["mail", "now"], id="no addresses"),
        pytest.param(f"call {NUMBER} now", ["call", "now"], id="no numbers"),
        pytest.param("東京カメラを買いました", ["カメラ", "東京"], id="scripts end words"),
        pytest.param("我喜欢编程", ["喜欢", "我喜", "欢编", "编程"], id="long runs in pairs"),
        pytest.param("三八九二 一三八零零 三昧", ["三昧"], id="no numbers in letters"),
        pytest.param("ﬁne 𝕓𝕣𝕖𝕒𝕕", ["bread", "fine"], id="styled letters"),
        pytest.param("a b " + "x" * 30, [], id="neither letters nor sentences"),
        pytest.param("", [], id="an empty caption says so"),
        pytest.param(None, None, id="no caption says nothing"),
    ],
)
def test_of_a_caption_its_clean_words_are_left(caption, terms):
    assert said(caption)[1] == terms


def test_hashtags_are_those_of_the_field_and_of_the_caption():
    found = said("rye #Bread#Tea ＃Çay", ["#Rye", "bread", "web3", "two words", "@ana", ADDRESS])

    assert found == (["bread", "rye", "tea", "çay"], ["rye"])


@pytest.mark.parametrize("contact", CONTACTS)
def test_a_hashtag_that_is_a_contact_goes(contact):
    assert said(None, [contact, contact.replace(" ", ""), "rye"])[0] == ["rye"]


def test_a_caption_in_which_the_second_detector_still_sees_something_says_nothing():
    def blind(texts):
        nothing = pa.array([0] * len(texts), pa.int32())
        return Redacted(texts, nothing, pa.nulls(len(texts), pa.list_(pa.string())))

    found = said(f"rye #bread {ADDRESS}", None, Detectors(redact_array=blind))

    assert found == (None, None)


def marks_rye(texts):
    """A redactor that takes one word for a contact, where it stands alone."""
    hits = pc.equal(texts, "rye")
    kinds = pa.array([["email"] if hit else [] for hit in hits.to_pylist()], pa.list_(pa.string()))
    return Redacted(texts, hits.cast(pa.int32()), kinds)


@pytest.mark.parametrize(
    "detectors",
    [
        Detectors(redact_array=marks_rye),
        Detectors(scan_array=lambda t: pc.if_else(pc.equal(t, "rye"), "shape", None)),
        Detectors(contact_shaped=lambda t: pc.equal(t, "rye")),
    ],
    ids=["the redactor", "the second detector", "the rule of handles"],
)
def test_a_word_that_is_marked_where_it_stands_alone_goes(detectors):
    assert said("my rye bread", ["rye", "tea"], detectors) == (["tea"], ["bread", "my"])


def test_lists_stay_as_long_as_they_were():
    column = pa.array([None, [], [post("a rye", post_id="1"), post(post_id="2")], None], KIND)

    kept = posts.evidence(column, Detectors())
    kept.validate(full=True)

    assert [own and [p["post_id"] for p in own] for own in kept.to_pylist()] == [
        None,
        [],
        ["1", "2"],
        None,
    ]
    part = posts.evidence(column.slice(1, 2), Detectors())
    assert part.to_pylist() == kept.to_pylist()[1:3]


def test_no_more_than_the_first_terms_of_a_post_are_kept():
    letters = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(300)]

    _, terms = said(" ".join(letters))

    assert terms == sorted(letters[: posts.MOST_TERMS])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(max_size=60), max_size=3),
    st.sampled_from(CONTACTS),
    st.lists(st.text(max_size=20), max_size=4),
)
def test_whatever_is_written_terms_are_clean_words_in_order(around, contact, hashtags):
    caption = f" {contact} ".join(around)

    tags, terms = said(caption, hashtags)

    for words in (tags or [], terms or []):
        assert words == sorted(set(words))
        assert not [w for w in words if "@" in w or " " in w or any(map(is_digit, w))]
    left = " ".join([*(tags or []), *(terms or [])])
    assert "protonmail" not in left or "protonmail" in " ".join([*around, *hashtags])


def is_digit(character):
    return unicodedata.category(character).startswith("N")


def own(key="id:1", hours=0, **said):
    """A row that is a post of the account."""
    return sighting(key, hours=hours, is_post=True, own_posts=[post(**said)])


FILES = (
    File("one", (own(caption="rye bread", post_id="7"), sighting("id:2", bio="baker"))),
    File("two", (own(caption="rye", hashtags=["Tea"], post_id="8"),)),
)


def test_posts_are_counted_apart_and_add_up(tier):
    [counts] = tier.observe({DAY: FILES})

    assert (counts.input_count, counts.observation_count, counts.post_count) == (3, 3, 2)
    files = "select observation_count, post_count from social.file_count order by 1"
    assert tier.ask(files) == [(1, 1), (2, 1)]
    with tier.conn.transaction():
        found = checks.counts_add_up(tier.conn, tier.root)
    assert found.is_passed
    assert (found.numbers["post_rows"], found.numbers["stored_post_rows"]) == (2, 2)


def test_a_post_that_was_lost_among_the_observations_is_noticed(tier, monkeypatch):
    whole = day.Day._observed

    def careless(self, batch):
        flags = pa.nulls(batch.num_rows, pa.bool_())
        at = batch.schema.get_field_index("is_post")
        return whole(self, batch).set_column(at, batch.schema.field(at), flags)

    monkeypatch.setattr(day.Day, "_observed", careless)
    tier.observe({DAY: FILES})

    with tier.conn.transaction():
        assert not checks.counts_add_up(tier.conn, tier.root).is_passed


def test_more_posts_than_observations_are_no_counts(tier):
    tier.observe({DAY: FILES})

    with pytest.raises(psycopg.errors.CheckViolation), tier.conn.transaction():
        tier.conn.execute("update social.day_count set post_count = observation_count + 1")


def test_each_post_is_there_once_and_its_author_speaks_by_all_of_them(tier):
    tier.observe({DAY: FILES, NEXT_DAY: [File("again", FILES[0].sightings)]})

    row = tier.profiles()["x", "id:1"]

    assert (row["post_terms"], row["post_hashtags"]) == (["rye", "bread"], ["tea"])
    assert (row["read_post_count"], row["observation_count"]) == (2, 3)
    table = tier.rows(POST_TERMS.name)
    assert sorted((r["account_key"], r["post_id"], r["terms"]) for r in table) == [
        ("id:1", "7", ["bread", "rye"]),
        ("id:1", "8", ["rye"]),
    ]


def test_the_words_of_a_caption_never_stand_together_in_any_byte_that_is_stored(tier, tmp_path):
    words = "zanzibar quokka eats marzipan"
    secret = "veryprivatename"
    tier.observe(
        {DAY: [File("one", (own(caption=f"{words} {secret}@protonmail.com", hashtags=[]),))]}
    )
    tier.profiles()

    stored = str([tier.rows(t.name) for t in (OBSERVATION, PROFILE, POST_TERMS)])
    files = b"".join(f.read_bytes() for f in Path(tmp_path).rglob("*") if f.is_file())
    assert "marzipan" in stored
    for part in ("zanzibar quokka", "quokka eats", "eats marzipan", secret):
        assert part not in stored
        assert part.encode() not in files


def test_posts_go_and_come_back_with_their_file(intake):
    def video(post_id, text):
        author = {"id": "5", "uniqueId": "ana"}
        return f'{{"id": "{post_id}", "desc": "{text}", "author": {author}}}'.replace("'", '"')

    first, second = f"t/{landed.DAY}/a.jsonl", f"t/{landed.NEXT_DAY}/b.jsonl"
    intake.put(first, video(1, "rye"))
    intake.put(second, video(1, "rye") + "\n" + video(2, "tea"))

    def terms():
        intake.build()
        profiles.rebuild(intake.conn, intake.tier1, actor="test", now=datetime.now(UTC))
        with intake.conn.transaction():
            stored = profiles.tables.snapshot(intake.conn, intake.tier1, POST_TERMS.name)
        rows = stored.to_table().to_pylist()
        return sorted((row["post_id"], *row["terms"]) for row in rows)

    assert terms() == [("1", "rye"), ("2", "tea")]
    intake.withdraw(second)
    assert terms() == [("1", "rye")], "the other file saw it as well"
    new = intake.root.parent / "new.jsonl"
    new.write_text(video(1, "cake"))
    intake.replace(first, new)
    assert terms() == [("1", "cake")]
    assert intake.even()


def test_posts_end_with_the_observations_that_showed_them(tier):
    tier.observe({DAY: FILES})
    assert tier.profiles()["x", "id:1"]["read_post_count"] == 2

    retention.expire_days(tier.conn, tier.root, "observations", _Terms())

    assert tier.profiles() == {}
    assert tier.rows(POST_TERMS.name) == []
    with tier.conn.transaction():
        assert checks.counts_add_up(tier.conn, tier.root).is_passed


class _Terms:
    """Terms of retention under which everything goes."""

    is_dry_run, actor, now = False, "test", datetime(2027, 1, 1, tzinfo=UTC)

    def before(self, line):
        return self.now

    def recheck(self, conn):
        """Nobody else runs."""
