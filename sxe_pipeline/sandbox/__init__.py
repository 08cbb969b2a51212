"""The invented world: people, what platforms would say of them, contacts hidden in it, providers.

In:     a seed
Out:    landing folders in the platforms' payload shapes, planted contacts, emulated providers
Never:  an import of the engine; a part of a production deployment; data of a real person
"""

from pathlib import Path

POLICY = Path(__file__).with_name("policy.yaml")
"""The platform policy of this world: it opens every platform, for invented people only."""

PRICES = Path(__file__).with_name("prices.yaml")
"""The price cards of the emulated providers."""
