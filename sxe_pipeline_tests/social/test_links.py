"""Who a profile says it is elsewhere: found with its platform's name, and nothing by chance."""

import csv
import json
import os
from pathlib import Path

import pyarrow as pa
import pytest

from sxe_pipeline.sandbox import bios
from sxe_pipeline.social.links import targets
from sxe_pipeline.social.mentions import named_in_text
from sxe_pipeline.social.networks import named_by_url


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://x.com/Ana_B", ["x:ana_b"]),
        ("http://mobile.twitter.com/@ana/", ["x:ana"]),
        ("https://twitter.com/#!/ana", ["x:ana"]),
        ("tiktok.com/@ana.b?lang=en", ["tiktok:ana.b"]),
        ("https://www.threads.net/@ana", ["threads:ana"]),
        ("https://threads.com/@ana", ["threads:ana"]),
        ("https://www.instagram.com/ana.b/?igshid=1", ["instagram:ana.b"]),
        ("https://youtube.com/@ana/videos", ["youtube:ana"]),
        ("https://youtube.com/channel/UCx1-_y", ["youtube:channel/ucx1-_y"]),
        ("https://github.com/ana-b", ["github:ana-b"]),
        ("https://uk.linkedin.com/in/ana-b-1/", ["linkedin:ana-b-1"]),
        ("https://www.linkedin.com/company/bakery", ["linkedin:company/bakery"]),
        ("https://www.facebook.com/ana.b", ["facebook:ana.b"]),
        ("twitch.tv/ana", ["twitch:ana"]),
        ("see instagram.com/ana and x.com/ben.", ["instagram:ana", "x:ben"]),
    ],
)
def test_a_profile_link_names_somebody(url, named):
    assert list(map(str, named_by_url(url))) == named


@pytest.mark.parametrize(
    "url",
    [
        "https://x.com/home",
        "https://x.com/i/communities/1",
        "https://twitter.com/share?url=a",
        "https://x.com/ana/status/1",
        "https://instagram.com/p/Cxyz",
        "https://instagram.com/reel/Cxyz/",
        "https://youtube.com/shorts/abc",
        "https://youtube.com/watch?v=abc",
        "https://youtu.be/abc",
        "https://www.facebook.com/profile.php?id=1",
        "https://facebook.com/groups/bakers",
        "https://github.com/ana/repository",
        "https://tiktok.com/@ana/video/1",
        "https://netflix.com/ana",
        "https://notx.com/ana",
        "https://x.com.example.org/ana",
        "ana@x.com/ben",
        "https://x.com/",
    ],
)
def test_any_other_link_names_nobody(url):
    assert named_by_url(url) == []


@pytest.mark.parametrize(
    ("bio", "named"),
    [
        ("IG: ana.b", ["instagram:ana.b"]),
        ("insta @ana", ["instagram:ana"]),
        ("follow me on insta @ ana", ["instagram:ana"]),
        ("tiktok: @ana | yt: @anab", ["tiktok:ana", "youtube:anab"]),
        ("IG/TikTok: ana", ["instagram:ana", "tiktok:ana"]),
        ("snap and insta: ana.b", ["instagram:ana.b"]),
        ("Insta- ana_b", ["instagram:ana_b"]),
        ("Instagram ➡️ @ana ⬅️", ["instagram:ana"]),
        ("𝗜𝗚: ana.b and more", ["instagram:ana.b"]),
        ("İnstagram:ana.88", ["instagram:ana.88"]),
        ("IG ana_b & more", ["instagram:ana_b"]),
        ("Twitter/X: @ana", ["x:ana"]),
        ("X: @ana", ["x:ana"]),
        ("YouTube: Ana\nbaker", ["youtube:ana"]),
        ("IG - TikTok: ana", ["tiktok:ana"]),
        ("インスタ: ana.b", ["instagram:ana.b"]),
        ("東京の猫。お仕事はインスタ→@ana", ["instagram:ana"]),
        ("ｲﾝｽﾀは @ana / ツイッター @anab", ["instagram:ana", "x:anab"]),
        ("IGは@ana", ["instagram:ana"]),
        ("인스타그램 @ana | 틱톡: ana.c", ["instagram:ana", "tiktok:ana.c"]),
        ("유튜브는 @anab", ["youtube:anab"]),
        ("ไอจี: ana_b", ["instagram:ana_b"]),
        ("инста: @ana, тик ток @anab", ["instagram:ana", "tiktok:anab"]),
        ("я в инсте - ana.88", ["instagram:ana.88"]),
        ("إنستقرام: ana.b", ["instagram:ana.b"]),
        ("انستا و تيك توك: ana.b", ["tiktok:ana.b"]),
        ("推特：@ana", ["x:ana"]),
        ("IG/틱톡: ana.b", ["instagram:ana.b", "tiktok:ana.b"]),
    ],
)
def test_a_handle_with_its_platform_names_somebody(bio, named):
    assert [str(t.named) for t in targets(profile(bio))] == sorted(named)


@pytest.mark.parametrize(
    "bio",
    [
        "Instagram model",
        "TikTok star, baker",
        "@ana",
        "IG 144K",
        "link in my IG bio!",
        "IG: link below",
        "Instagram got deleted again",
        "my YouTube: Game Night and more",
        "formerly @Twitter @Google",
        "Twitter @google",
        "nike x @ana",
        "x: multiply",
        "a big: deal",
        "ig: https://example.com",
        "instagram.com",
        "インスタやってます",
        "инстаграм блогер ana",
        "министр: ana.b",
        "트위터 스타",
        "снап: ana.b",
        "",
        None,
    ],
)
def test_words_beside_a_platform_name_nobody(bio):
    assert targets(profile(bio)) == []


@pytest.mark.parametrize("voice", bios.voices(), ids=lambda voice: voice.language)
def test_people_name_their_other_accounts_in_every_language_of_the_demo(voice):
    for key, network in (("named", "instagram"), ("named_other", "tiktok")):
        for fragment in voice.fragments[key]:
            bio = f"{voice.fragments['hobby'][0]} {fragment.replace('{h}', 'ana.b')}"
            assert [str(t.named) for t in targets(profile(bio))] == [f"{network}:ana.b"], bio


def test_a_link_is_a_stronger_basis_than_a_pattern_and_each_target_is_named_once():
    found = targets(profile("IG: ana, instagram.com/ana", links=["https://instagram.com/Ana"]))

    assert [(str(t.named), t.basis) for t in found] == [("instagram:ana", "link_field")]


def test_naming_oneself_on_the_same_platform_says_nothing():
    assert targets(profile("tiktok.com/@Ana", handle="ANA")) == []


def test_a_hostile_bio_is_read_in_linear_time():
    assert named_in_text("ig " * 30_000) == []
    assert named_in_text("インスタ" * 30_000) == []
    assert named_by_url("x.com/" * 30_000) is not None


@pytest.mark.skipif("SXE_TEST_DATA" not in os.environ, reason="SXE_TEST_DATA is not set")
def test_real_self_declared_links_are_found():
    data = Path(os.environ["SXE_TEST_DATA"])
    profiles = dict(_tiktok_profiles(data))
    table = pa.concat_tables(
        profile(bio, handle=handle, links=[link] if link else [])
        for handle, (bio, link) in profiles.items()
    )
    with (data / "truth/identity_links_tiktok_selfdeclared.csv").open() as lines:
        truth = {
            (r["tiktok_handle"].casefold(), f"{r['target_platform']}:{r['target_handle']}".lower())
            for r in csv.DictReader(lines)
            if r["target_platform"] != "snapchat"
        }

    found = {(t.account[1].removeprefix("handle:"), str(t.named)) for t in targets(table)}

    share = len(found & truth) / len(truth)
    assert share >= 0.85, "the rest is mostly noise of the silver truth ('insta too', 'IG bio')"
    assert len(found - truth) <= 0.2 * len(found)


def _tiktok_profiles(data):
    with (data / "tables/tiktok_brightdata_profiles.csv").open() as lines:
        for r in csv.DictReader(lines):
            handle = r["url"].rsplit("@", 1)[-1].split("?")[0]
            yield handle, (r["biography"], r["bio_link"].replace("null", ""))
    with (data / "tables/tiktok_authormeta_2020.jsonl").open() as lines:
        for record in map(json.loads, lines):
            yield record["name"], (record["signature"], None)
    with (data / "tables/tiktok_web_authors.jsonl").open() as lines:
        for author in (json.loads(line)["author"] for line in lines):
            link = (author.get("bioLink") or {}).get("link")
            yield author["uniqueId"], (author.get("signature"), link)


def profile(bio, *, handle="somebody", links=()):
    return pa.table(
        {
            "platform": ["tiktok"],
            "account_key": [f"handle:{handle.casefold()}"],
            "handle": [handle],
            "bio": pa.array([bio], pa.string()),
            "links": pa.array([list(links)], pa.list_(pa.string())),
        }
    )
