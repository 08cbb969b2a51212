"""What the contact process alone holds: the keyset and the providers' credentials.

Here: settings become a vault and providers. Nothing is opened before a run needs it.
"""

from dataclasses import dataclass

from sxe_pipeline.contacts.enrich import Provider
from sxe_pipeline.contacts.providers.apollo import Apollo
from sxe_pipeline.contacts.providers.enformion import Enformion
from sxe_pipeline.contacts.vault import Vault
from sxe_pipeline.errors import BadConfig
from sxe_pipeline.gate.permits import Begun
from sxe_pipeline.ops import continuity
from sxe_pipeline.settings import Settings
from sxe_pipeline.store.objects import Objects


@dataclass(frozen=True)
class ContactTier:
    """The contact tier of these settings."""

    settings: Settings

    def vault(self) -> Vault:
        """The keyset, opened.

        Raises:
            BadConfig: `SXE_KEYSET` is not set or no keyset.
        """
        if self.settings.keyset is None:
            raise BadConfig(
                "SXE_KEYSET is not set: contact values are never stored unencrypted; set it to "
                "what `sxe keys keyset` makes, in the contact process"
            )
        if self.settings.keyset.startswith("file:"):
            self.settings.refuse_to_make("keyset", "set SXE_KEYSET to the keyset itself")
        return Vault.of(self.settings.keyset)

    def note(self, begun: Begun) -> None:
        """Write into the contact store who may be asked about, before anybody is.

        Raises:
            Refused: The store knows more than the database, which was restored.
            StoreUnavailable: It cannot be written, so nobody is asked about.
        """
        if begun.marker is not None:
            counted = begun.marker
            continuity.note(
                Objects(self.settings.contact_handoff_url),
                counted.number,
                counted.marker_id,
                counted.counted_at,
                cards=begun.card_ids,
            )

    def providers(self) -> dict[str, Provider]:
        """The providers that this process holds credentials for."""
        adapters = (Apollo(self.settings.apollo_sink_url), Enformion())
        return {
            adapter.name: Provider(
                adapter,
                self.settings.provider_urls[adapter.name],
                self.settings.credentials[adapter.name],
            )
            for adapter in adapters
            if self.settings.credentials.get(adapter.name)
        }
