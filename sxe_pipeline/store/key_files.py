"""Where the private keys of this process are: its settings, or key files of its home.

Here: reading a key, and making the embedded default at its first use. What a key is and how it
signs is `sign`'s.
"""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sxe_pipeline.errors import BadInput
from sxe_pipeline.settings import Settings
from sxe_pipeline.sign import Signer
from sxe_pipeline.store.disk import read_or_create

SOCIAL, CONTACT = ("lead_card", "audience_pool"), ("lead_contact",)
"""What the two keys of an embedded home sign: a tier's key signs no other tier's batches."""


def refuse_unknown(contracts: Sequence[str]) -> None:
    """Check names of contracts that a key is to sign.

    Raises:
        BadInput: No key signs a contract of that name.
    """
    if unknown := sorted({*contracts} - {*SOCIAL, *CONTACT}):
        raise BadInput(
            f"no key signs {', '.join(unknown)}; one of the social tier signs "
            f"{' and '.join(SOCIAL)}, one of the contact tier {' and '.join(CONTACT)}"
        )


def of_settings(settings: Settings) -> Signer:
    """The signer of this process: `SXE_SIGNING_KEY`, else the key file of its home.

    The setting holds a key, or several with white space between (all sign, the first is the current
    one), or `file:///path` of a key file that is made at the first use.

    Raises:
        BadConfig: The setting or the key file holds no key.
    """
    return _of(settings, settings.signing_key, "SXE_SIGNING_KEY") or of_home(settings.home)


def audit_of_settings(settings: Settings) -> Signer:
    """The signer of the audit log: `SXE_AUDIT_SIGNING_KEY`, else the key file of its home.

    Raises:
        BadConfig: The setting or the key file holds no key.
    """
    made = _of(settings, settings.audit_signing_key, "SXE_AUDIT_SIGNING_KEY")
    return made or of_file(audit_file(settings.home))


def _of(settings: Settings, text: str | None, variable: str) -> Signer | None:
    """The key that a setting holds or names; None where it is not set."""
    if text is None:
        settings.refuse_to_make("signing key", f"set {variable} (`sxe keys create --print`)")
        return None
    if text.startswith("file://"):
        settings.refuse_to_make("signing key", f"set {variable} to the key itself")
        return of_file(Path(unquote(urlsplit(text).path)))
    return Signer.from_text(text)


def of_home(home: Path) -> Signer:
    """The embedded default: `keys/signing.key` below the home."""
    return of_file(home / "keys" / "signing.key", SOCIAL)


def of_file(file: Path, contracts: Sequence[str] = ()) -> Signer:
    """The key in a file (0600), made at the first use; its public key lies beside it as `.pub`.

    Args:
        file: Of the private key.
        contracts: What the public file says that it is pinned for, where it is made here.

    Raises:
        BadConfig: The key file holds no key.
    """
    text = read_or_create(file, lambda: Signer.generate().text().encode())
    signer = Signer.from_text(text.decode(errors="replace"))
    public = file.with_suffix(".pub")
    if not public.exists() or signer.public_pem() not in public.read_bytes():
        public.write_bytes(signer.public_pem(contracts))
    return signer


def public_file(home: Path) -> Path:
    """Where the embedded default keeps its public key: what a consumer receives to pin."""
    return home / "keys" / "signing.pub"


def contact_file(home: Path) -> Path:
    """The embedded default of the contact tier's own key."""
    return home / "keys" / "contact.key"


def audit_file(home: Path) -> Path:
    """The embedded default of the sealer's key; `audit.pub` beside it is what verifies seals."""
    return home / "keys" / "audit.key"
