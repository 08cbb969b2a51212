"""The drawing is the asset graph: the same names, the same arrows, nothing beside them."""

import re
from pathlib import Path

import dagster as dg
import pytest

from sxe_pipeline import audit, definitions, settings
from sxe_pipeline.audit import sensors as background

ARROWS = {
    "ingest/raw_profiles": set(),
    "social/observations": {"ingest/raw_profiles"},
    "social/profiles": {"social/observations"},
    "social/identities": {"social/profiles"},
    "cards/lead_cards": {"social/profiles", "social/identities"},
    "cards/audience_pools": {"cards/lead_cards"},
    "cards/enrichment_candidates": {"cards/lead_cards"},
    "handoff/lead_card_batches": {
        *("cards/lead_cards", "cards/audience_pools", "social/observations")
    },
    "ops/tables_kept": set(),
    "ops/expired_data": set(),
    "audit/events": set(),
    "audit/seals": {"audit/events"},
}
CONTACT_ARROWS = {
    "cards/enrichment_candidates": set(),  # the border: known by name, made elsewhere
    "contacts/contact_points": {"cards/enrichment_candidates"},
    "handoff/lead_contact_batches": {"contacts/contact_points"},
    "contacts/expired_data": set(),
}
NIGHTLY = {"ops/tables_kept", "ops/expired_data"}
DAILY = {"ingest/raw_profiles", "social/observations", "handoff/lead_card_batches"}
UPKEEP = {"ops/tables_kept", "ops/expired_data", "contacts/expired_data"}
"""They hold nothing themselves."""

BACKGROUND = {spec.key.to_user_string() for spec in background.SPECS}


@pytest.fixture(scope="module")
def tier(tmp_path_factory):
    given = settings.load({"SXE_HOME": str(tmp_path_factory.mktemp("map"))})
    return definitions.assemble(given)


@pytest.fixture(scope="module")
def graph(tier):
    return tier.resolve_asset_graph()


@pytest.fixture(scope="module")
def contact_graph(tmp_path_factory):
    given = settings.load({"SXE_HOME": str(tmp_path_factory.mktemp("map"))})
    return definitions.assemble_contacts(given).resolve_asset_graph()


def names(keys):
    return {key.to_user_string() for key in keys}


def test_the_graph_is_the_drawing(graph):
    drawn = {node.key.to_user_string(): names(node.parent_keys) for node in graph.asset_nodes}

    assert drawn == ARROWS


def test_only_the_background_tasks_are_external_or_a_dependency_is_misspelt(graph, tier):
    assert names(graph.external_asset_keys) == BACKGROUND
    merged = definitions.defs()
    merged = merged.load_fn() if hasattr(merged, "load_fn") else merged
    assert names(merged.resolve_asset_graph().external_asset_keys) == BACKGROUND


def test_the_contact_tier_is_the_other_half_of_the_drawing(contact_graph):
    drawn = {
        node.key.to_user_string(): names(node.parent_keys) for node in contact_graph.asset_nodes
    }

    assert drawn == CONTACT_ARROWS
    assert names(contact_graph.external_asset_keys) == {"cards/enrichment_candidates"}


def test_daily_assets_are_daily_in_one_run_and_the_middle_is_whole(graph):
    for node in graph.asset_nodes:
        name = node.key.to_user_string()
        if name in DAILY:
            assert node.backfill_policy == dg.BackfillPolicy.single_run(), name
        assert (node.partitions_def is not None) == (name in DAILY), name


def test_every_asset_says_whose_it_is_and_to_which_tier_it_belongs(graph):
    for node in graph.asset_nodes:
        name = node.key.to_user_string()
        assert node.owners, name
        assert node.tags.get("sxe/tier"), name
        assert node.kinds, name


def groups(*graphs):
    """Group -> for each code location the assets that are made there."""
    found = {}
    for number, graph in enumerate(graphs):
        for node in graph.asset_nodes:
            if node.is_materializable:
                by_location = found.setdefault(node.group_name, {})
                by_location.setdefault(number, set()).add(node.key)
    return found


def test_no_group_spans_two_code_locations_so_that_all_of_it_can_be_launched(graph, contact_graph):
    found = groups(graph, contact_graph)

    assert {name: len(by_location) for name, by_location in found.items()} == dict.fromkeys(
        found, 1
    )
    assert {name: names(*by.values()) for name, by in found.items()} == {
        "tier1": set(ARROWS) - BACKGROUND - UPKEEP - {"handoff/lead_card_batches"},
        "tier1_upkeep": UPKEEP - {"contacts/expired_data"},
        "tier2_upkeep": {"contacts/expired_data"},
        "tier2": {"contacts/contact_points"},
        "tier3_lead_cards": {"handoff/lead_card_batches"},
        "tier3_lead_contacts": {"handoff/lead_contact_batches"},
    }


def test_all_of_a_group_is_one_job(tier, graph):
    for by_location in groups(graph).values():
        [keys] = by_location.values()
        job = tier.resolve_implicit_global_asset_job_def().get_subset(asset_selection=keys)

        assert set(job.asset_layer.selected_asset_keys) == keys


def test_every_asset_says_what_it_holds_where_it_is_and_how_it_is_made(graph, contact_graph):
    for node in [*graph.asset_nodes, *contact_graph.asset_nodes]:
        name, said = node.key.to_user_string(), node.metadata
        if not node.is_materializable or name in UPKEEP:
            continue
        columns = said["dagster/column_schema"].columns
        assert len(columns) > 3, name
        assert said["dagster/table_name"], name
        assert said["dagster/uri"].split(":")[0] in ("file", "s3", "postgresql"), name
        [code] = said["dagster/code_references"].code_references
        written = Path(code.file_path).read_text().splitlines()[code.line_number - 1 :]
        assert node.key.path[0] in code.file_path, name
        assert any(f"def {made}(" in "\n".join(written[:30]) for made in made_by(name)), name


def made_by(name):
    """The function of an asset is called like it, or nearly."""
    odd = {"social/profiles": "current_profiles", "social/identities": "card_identities"}
    return [odd.get(name, name.split("/")[1])]


def test_an_address_of_a_store_shows_no_credential(tmp_path):
    given = settings.load(
        {
            "SXE_HOME": str(tmp_path),
            "SXE_TIER1_STORE_URL": "s3://key:s3cret@bucket/tier1",
            "SXE_SOCIAL_DATABASE_URL": "postgresql://sxe_social:s3cret@db/sxe",
        }
    )
    graph = definitions.assemble(given).resolve_asset_graph()

    uris = {n.key.to_user_string(): n.metadata.get("dagster/uri") for n in graph.asset_nodes}
    assert uris["social/profiles"] == "s3://bucket/tier1/social/profiles"
    assert "s3cret" not in repr([n.metadata for n in graph.asset_nodes])


def test_every_sensor_schedule_job_and_check_says_what_it_is_for(tier, tmp_path):
    contacts = definitions.assemble_contacts(settings.load({"SXE_HOME": str(tmp_path)}))

    for made in (tier, contacts):
        for one in [*made.sensors, *(made.schedules or ()), *made.jobs]:
            assert one.description, one.name
        for check in made.asset_checks or ():
            assert all(spec.description for spec in check.check_specs), check
        for node in made.resolve_asset_graph().asset_nodes:
            assert node.description or not node.is_materializable, node.key
            assert "Args:" not in (node.description or ""), f"the UI shows it of {node.key}"


def test_the_days_begin_where_the_deployment_does(tmp_path):
    given = settings.load({"SXE_HOME": str(tmp_path), "SXE_FIRST_DAY": "2026-11-03"})
    tier = definitions.assemble(given)

    for node in tier.resolve_asset_graph().asset_nodes:
        if node.key.to_user_string() in DAILY:
            assert node.partitions_def.get_first_partition_key() == "2026-11-03", node.key
    assert (
        tier.resolve_job_def("tier1_day").partitions_def.get_first_partition_key() == "2026-11-03"
    )


def test_the_daily_assets_are_those_whose_events_are_attested_by_day(graph):
    assert audit.DAILY == DAILY


def test_every_audit_kind_is_covered_by_an_asset_of_the_graph(graph):
    assert set(audit.KINDS.values()) <= {*ARROWS, *CONTACT_ARROWS}


def test_intake_stops_before_the_batches_and_the_schedule_publishes(tier):
    def selected(job):
        return names(tier.resolve_job_def(job).asset_layer.selected_asset_keys)

    everything = set(ARROWS) - BACKGROUND - NIGHTLY
    assert selected("tier1_day") == everything
    assert selected("tier1_intake") == everything - {"handoff/lead_card_batches"}
    assert tier.resolve_schedule_def("every_day").job_name == "tier1_day"
    assert tier.resolve_sensor_def("landed_files").job_name == "tier1_intake"


def test_each_tier_is_kept_small_every_night_by_a_job_of_its_own(tier, tmp_path):
    contact = definitions.assemble_contacts(settings.load({"SXE_HOME": str(tmp_path)}))
    for location, job, kept in (
        (tier, "upkeep", NIGHTLY),
        (contact, "contact_upkeep", {"contacts/expired_data"}),
    ):
        assets = location.resolve_job_def(job).asset_layer.selected_asset_keys
        schedule = location.resolve_schedule_def(f"every_night_{job}")
        assert names(assets) == kept
        assert schedule.cron_schedule == "30 3 * * *"
        assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING


def test_checks_stand_where_the_promises_are(graph):
    checks = {(k.asset_key.to_user_string(), k.name) for k in graph.asset_check_keys}

    assert checks == {
        ("social/observations", "no_contact_data"),
        ("social/observations", "counts_add_up"),
        ("cards/lead_cards", "no_contact_data"),
        ("cards/lead_cards", "tagged_share"),
        ("cards/lead_cards", "label_drift"),
    }


def test_the_picture_of_the_readme_is_both_halves_joined_at_the_border():
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    picture = readme.split("```mermaid\n")[1].split("```")[0]
    assets = dict(re.findall(r'(\w+)\["(\w+/\w+)"\]', picture))
    arrows = re.findall(r'(\w+)(?:\["[^"]*"\])? --(?: ".*" --)?> (\w+)', picture)

    drawn = {name: {assets[a] for a, b in arrows if assets[b] == name} for name in assets.values()}

    assert drawn == CONTACT_ARROWS | ARROWS
