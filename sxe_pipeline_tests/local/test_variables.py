"""Another process of this home is told exactly what it may know."""

from sxe_pipeline import contracts_root, settings
from sxe_pipeline.local import variables

MANAGED = "postgresql://sxe_social:s3cret@db.example.internal:25060/sxe?sslmode=require"


def test_exports_hold_exactly_the_logins_that_were_given(tmp_path):
    given = settings.load({"SXE_SOCIAL_DATABASE_URL": MANAGED, "SXE_HOME": str(tmp_path)})

    exports = variables.exports(given, tmp_path / "dagster")

    assert exports["SXE_SOCIAL_DATABASE_URL"] == MANAGED
    assert "DAGSTER_DATABASE_URL" not in exports
    assert "SXE_CONTACTS_DATABASE_URL" not in exports


def test_contracts_and_deploy_files_are_found():
    assert (contracts_root() / "lead_card").is_dir()
    assert variables.deploy_file("dagster.yaml").is_file()
    assert "telemetry" in variables.deploy_file("dagster.yaml").read_text()


def test_the_dagster_home_is_made_from_the_shipped_file(tmp_path):
    home = variables.dagster_home(settings.load({"SXE_HOME": str(tmp_path)}))

    assert home == tmp_path / "dagster"
    assert (home / "dagster.yaml").read_text() == variables.deploy_file("dagster.yaml").read_text()
