"""What each platform lets us pass on.

Here: reading `contracts/policy/platforms.yaml`. A platform that is not listed is closed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from sxe_pipeline.errors import BadConfig

REDISTRIBUTIONS = ("full", "ids_only")


@dataclass(frozen=True, slots=True)
class Policy:
    """`version` is the file's own version and the first 12 hex of its SHA-256."""

    version: str
    redistribution: Mapping[str, str]

    def is_open(self, platform: str) -> bool:
        """Whether cards with an account of the platform may leave at all."""
        return platform in self.redistribution

    def is_ids_only(self, platform: str) -> bool:
        """Whether only identifiers and our own labels may leave."""
        return self.redistribution.get(platform) != "full"


def load(file: Path) -> Policy:
    """Read and check a policy file.

    Args:
        file: YAML with `version` and `platforms: {name: {redistribution: full | ids_only}}`.

    Returns:
        The policy.

    Raises:
        BadConfig: The file cannot be read, or is no policy.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise BadConfig(
            f"the platform policy {file} cannot be read ({type(error).__name__}); correct "
            "SXE_POLICY_FILE"
        ) from None
    try:
        content = yaml.safe_load(data)
        version, platforms = str(content["version"]), content["platforms"]
        redistribution = {str(k): str(rule["redistribution"]) for k, rule in platforms.items()}
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise BadConfig(f"{file.name} is no platform policy; see contracts/policy") from error
    if unknown := sorted(set(redistribution.values()) - set(REDISTRIBUTIONS)):
        raise BadConfig(f"{file.name}: redistribution is full or ids_only, not {unknown}")
    return Policy(f"{version}+{hashlib.sha256(data).hexdigest()[:12]}", redistribution)
