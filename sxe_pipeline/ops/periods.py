"""How long what is kept: the retention policy, as data.

Here: reading `contracts/policy/retention.yaml` or the deployment's own file, whole or not at all.
Not here: deleting; each room deletes what it holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import yaml

from sxe_pipeline import contracts_root
from sxe_pipeline.errors import BadConfig

DELETED_HERE = (
    *("landing_files", "quarantine", "observations", "contact_values", "run_history"),
    *("batches", "contact_batches"),
)
"""Lines whose data we delete, so that they must say a number of days or `forever`."""

LINES = (*DELETED_HERE, "match_inputs", "audit_events", "orchestrator_events")

FOREVER, ELSEWHERE = "forever", "elsewhere"
FULL_EVERY = 7
"""One batch of a market in so many is full, where a policy does not say."""
_MOST_DAYS = 36_500
_MOST_BATCHES = 366


@dataclass(frozen=True)
class Line:
    """How long one kind of data is kept.

    `days` is null where it is kept for ever or forgotten by something else: `how` says which.
    """

    name: str
    days: int | None
    how: str
    why: str

    @property
    def period(self) -> timedelta | None:
        """The same as a time; None where nothing is deleted here."""
        return None if self.days is None else timedelta(days=self.days)


@dataclass(frozen=True)
class Periods:
    """The policy: every line of `LINES`, by name.

    `full_every`: of so many batches of a market one is full at least, so that nobody who reads them
    needs an older one.
    """

    version: str
    lines: Mapping[str, Line]
    full_every: int = FULL_EVERY

    def of(self, name: str) -> timedelta | None:
        """How long a kind of data is kept; None where it is not deleted here."""
        return self.lines[name].period


def load(file: Path | None = None) -> Periods:
    """Read a retention policy.

    Args:
        file: The deployment's own; the shipped one by default.

    Raises:
        BadConfig: It is no policy, a line is missing, unknown or without a reason, audit events
            would go, or Tier 1 would be kept shorter than the landing files that it comes from.
    """
    path = file or contracts_root() / "policy" / "retention.yaml"
    try:
        text = path.read_bytes()
    except OSError as error:
        raise BadConfig(
            f"the retention policy {path} cannot be read ({type(error).__name__}); "
            "correct SXE_RETENTION_FILE"
        ) from None
    try:
        content = yaml.safe_load(text)
        version, given = str(content["version"]), dict(content["keep"])
        lines = {str(name): _line(path.name, str(name), line) for name, line in given.items()}
        full_every = content.get("full_every", FULL_EVERY)
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadConfig(
            f"{path.name} is no retention policy ({type(error).__name__}); it says version and "
            "keep, as contracts/policy/retention.yaml does"
        ) from None
    wrong = sorted(set(lines) ^ set(LINES))
    if wrong:
        raise BadConfig(f"{path.name}: lines that are missing or unknown: {', '.join(wrong)}")
    _check(path.name, lines)
    is_count = isinstance(full_every, int) and not isinstance(full_every, bool)
    if not is_count or not 1 <= full_every <= _MOST_BATCHES:
        raise BadConfig(f"{path.name}: full_every is a number of batches, 1 to {_MOST_BATCHES}")
    return Periods(version, lines, full_every)


def _line(file: str, name: str, given: Mapping[str, object]) -> Line:
    days, why = given["days"], given["why"]
    if set(given) != {"days", "why"} or not isinstance(why, str) or not why.strip():
        raise BadConfig(f"{file}: {name} says days and why, with a reason, and nothing else")
    if isinstance(days, int) and not isinstance(days, bool) and 1 <= days <= _MOST_DAYS:
        return Line(name, days, f"{days} days", why.strip())
    if days in (FOREVER, ELSEWHERE):
        return Line(name, None, str(days), why.strip())
    raise BadConfig(
        f"{file}: days of {name} is a number from 1 to {_MOST_DAYS}, {FOREVER} or {ELSEWHERE}"
    )


def _check(file: str, lines: Mapping[str, Line]) -> None:
    for name in DELETED_HERE:
        if lines[name].how == ELSEWHERE:
            raise BadConfig(f"{file}: nothing else forgets {name}; say a number of days")
    for name in sorted(set(LINES) - set(DELETED_HERE)):
        if lines[name].days is not None:
            raise BadConfig(f"{file}: {name} is not deleted by days; say {FOREVER} or {ELSEWHERE}")
    landing = lines["landing_files"].days
    for name in ("observations", "quarantine"):
        kept = lines[name].days
        if kept is not None and (landing is None or kept < landing):
            raise BadConfig(
                f"{file}: {name} would be made anew from landing files that are kept longer; keep "
                f"it at least as long as landing_files"
            )
