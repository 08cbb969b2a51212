"""The environment is read once, and what a child may know is what it is given."""

from datetime import date

import pytest

from sxe_pipeline import settings
from sxe_pipeline.errors import BadConfig
from sxe_pipeline.store import sql

MANAGED = "postgresql://sxe_social:s3cret@db.example.internal:25060/sxe?sslmode=require"


@pytest.mark.parametrize(
    ("url", "driver", "expected"),
    [
        pytest.param(MANAGED, "psycopg", MANAGED.replace("ql:", "ql+psycopg:"), id="our driver"),
        pytest.param(MANAGED, "psycopg2", MANAGED.replace("ql:", "ql+psycopg2:"), id="dagster's"),
        pytest.param(
            "postgres://u:p@h/d", "psycopg2", "postgresql+psycopg2://u:p@h/d", id="old scheme"
        ),
        pytest.param(
            "postgresql+psycopg://u:p@h/d",
            "psycopg2",
            "postgresql+psycopg2://u:p@h/d",
            id="another driver before",
        ),
    ],
)
def test_a_url_as_a_service_prints_it_gets_the_driver_it_needs(url, driver, expected):
    assert sql.with_driver(url, driver) == expected


def test_a_url_of_another_database_is_refused_without_repeating_it():
    with pytest.raises(BadConfig) as refused:
        sql.with_driver("mysql://root:hunter2@h/d", "psycopg")

    assert "hunter2" not in str(refused.value)


def test_unset_means_the_embedded_default_below_the_home(tmp_path):
    given = settings.load({"SXE_HOME": str(tmp_path)})

    assert given.is_embedded
    assert given.tier1_url == (tmp_path / "tier1").as_uri()
    assert given.under(tmp_path / "demo").landing_url == (tmp_path / "demo" / "landing").as_uri()


def test_a_store_of_an_unknown_scheme_is_refused():
    with pytest.raises(BadConfig, match="SXE_LANDING_STORE_URL"):
        settings.load({"SXE_LANDING_STORE_URL": "ftp://x/y"})


@pytest.mark.parametrize("variable", sorted(name for name, _ in settings.STORES.values()))
@pytest.mark.parametrize(
    "url",
    [
        pytest.param("file://srv/landing", id="two slashes: the first folder would be a host"),
        pytest.param("file:landing", id="below whatever folder it is typed in"),
        pytest.param("file://", id="no folder"),
        pytest.param("file:///srv/landing?more", id="half of it a question"),
        pytest.param("file:///srv/landing#more", id="half of it a fragment"),
        pytest.param("FILE:///srv/landing", id="a scheme that some readers do not know"),
        pytest.param("s3:bucket", id="a bucket without slashes"),
        pytest.param("s3://", id="no bucket"),
        pytest.param("s3:///folder", id="a folder of no bucket"),
        pytest.param("s3://bucket?region=x", id="a bucket with a question"),
        pytest.param("/srv/landing", id="a plain path"),
        pytest.param("file://[/srv", id="no address at all"),
    ],
)
def test_a_store_is_where_its_address_says_or_is_refused_in_a_sentence(variable, url):
    with pytest.raises(BadConfig, match=f"{variable} is file:///PATH"):
        settings.load({variable: url})


@pytest.mark.parametrize("url", ["file:///srv/x", "file://localhost/srv/x", "s3://bucket/folder/x"])
def test_a_store_with_a_whole_address_is_taken(url):
    assert settings.load({"SXE_LANDING_STORE_URL": url}).landing_url == url


@pytest.mark.parametrize("variable", ["SXE_SIGNING_KEY", "SXE_AUDIT_SIGNING_KEY"])
@pytest.mark.parametrize("url", ["file://keys/social.key", "file:social.key", "file://"])
def test_a_key_is_made_in_no_other_folder_than_was_named(variable, url):
    with pytest.raises(BadConfig, match=f"{variable} is a key, or file:///PATH"):
        settings.load({variable: url})


def test_a_missing_login_names_its_variable():
    with pytest.raises(BadConfig, match="SXE_API_DATABASE_URL"):
        settings.load({}).need("api_dsn")


def test_secrets_do_not_show():
    given = settings.load({"SXE_SOCIAL_DATABASE_URL": MANAGED, "SXE_SIGNING_KEY": "top"})

    assert "s3cret" not in repr(given)
    assert "top" not in repr(given)


def test_a_child_inherits_no_login_and_no_secret(monkeypatch):
    names = ("SXE_SOCIAL_DATABASE_URL", "DAGSTER_DATABASE_URL", "SXE_SIGNING_KEY", "SXE_TOKEN")
    names += ("SXE_ALERT_WEBHOOK_URL",)
    for name in names:
        monkeypatch.setenv(name, "x")

    assert not set(names) & set(settings.inherited())


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/T0/secret",
        "http://127.0.0.1:9/x",
        "http://localhost/x",
        "http://[::1]:9/x",
    ],
)
def test_alerts_go_where_nobody_on_the_way_can_read_them(url):
    given = settings.load({"SXE_ALERT_WEBHOOK_URL": url})

    assert given.alert_url == url
    assert url not in repr(given)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/secret",
        "http://127.0.0.1.example.com/secret",
        "http://localhost@example.com/secret",
        "ftp://127.0.0.1/secret",
        "file:///etc/secret",
        "https://",
        "https://[secret",
        "https://h:secret/",
        "secret",
    ],
)
def test_an_alert_address_that_others_can_read_is_refused_without_repeating_it(url):
    with pytest.raises(BadConfig, match="SXE_ALERT_WEBHOOK_URL") as refused:
        settings.load({"SXE_ALERT_WEBHOOK_URL": url})

    assert "secret" not in str(refused.value)


def test_the_first_day_is_a_day():
    assert settings.load({"SXE_FIRST_DAY": "2026-11-03"}).first_day == date(2026, 11, 3)
    assert settings.load({}).first_day is None
    with pytest.raises(BadConfig, match="SXE_FIRST_DAY"):
        settings.load({"SXE_FIRST_DAY": "november"})


def test_how_many_processes_map_is_a_number_of_some():
    assert settings.load({}).processes is None
    assert settings.load({"SXE_PROCESSES": "3"}).processes == 3

    for wrong in ("0", "-1", "two", "1.5", "9999"):
        with pytest.raises(BadConfig, match="SXE_PROCESSES"):
            settings.load({"SXE_PROCESSES": wrong})
