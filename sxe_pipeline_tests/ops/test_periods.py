"""The retention policy is read whole: what cannot be followed is refused before anything goes."""

from pathlib import Path

import pytest

from sxe_pipeline.errors import BadConfig
from sxe_pipeline.ops import periods

ROOT = Path(__file__).parents[2]
SHIPPED = (ROOT / "contracts" / "policy" / "retention.yaml").read_text()


def policy(tmp_path, old="", new=""):
    file = tmp_path / "retention.yaml"
    assert old in SHIPPED
    file.write_text(SHIPPED.replace(old, new, 1))
    return file


def test_tier_1_is_kept_longer_and_what_is_unredacted_or_a_contact_shorter():
    kept = periods.load()

    assert kept.of("observations") > kept.of("contact_values") > kept.of("landing_files")
    assert kept.of("audit_events") is None
    assert all(len(line.why) > 20 for line in kept.lines.values())


def test_one_batch_in_seven_is_full_unless_a_policy_says_otherwise(tmp_path):
    assert periods.load().full_every == 7
    assert periods.load(policy(tmp_path, "full_every: 7", "full_every: 30")).full_every == 30
    assert periods.load(policy(tmp_path, "full_every: 7\n", "")).full_every == 7


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param("keep:", "kept:", "is no retention policy", id="another document"),
        pytest.param("days: 60", "days: 0", "from 1", id="no day at all"),
        pytest.param("days: 60", "days: true", "from 1", id="a flag"),
        pytest.param("days: 60", "days: 1.5", "from 1", id="half a day"),
        pytest.param("days: 60", "days: elsewhere", "nothing else forgets", id="nobody does it"),
        pytest.param("days: 60", "days: 900", "made anew", id="landing outlives what it made"),
        pytest.param("days: forever", "days: 9", "not deleted by days", id="the proof would go"),
        pytest.param("  quarantine:", "  quarantin:", "quarantin", id="a misspelt line"),
        pytest.param("full_every: 7", "full_every: 0", "1 to 366", id="never a full batch"),
        pytest.param("full_every: 7", "full_every: yes", "1 to 366", id="no number"),
        pytest.param("why: Leases", "because: Leases", "no retention policy", id="no reason"),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused_whole(tmp_path, old, new, said):
    with pytest.raises(BadConfig, match=said):
        periods.load(policy(tmp_path, old, new))


def test_a_policy_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadConfig, match=r"/retention\.yaml cannot .* correct SXE_RETENTION_FILE"):
        periods.load(tmp_path / "retention.yaml")
