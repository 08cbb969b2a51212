"""Find contact data in text and links, and replace it by typed tokens.

In:     free text, links and handles of a landed row; contracts/redaction (words, hosts, policy)
Out:    the same values without e-mail addresses, phone numbers, messenger ids, contact links and
        postal addresses; how many were removed, of which kind; `scan` checks it by other code
Never:  a found value in a return value, a log line or an error; a network call; a label
"""

from sxe_pipeline.redact.array import Redacted, redact_array
from sxe_pipeline.redact.exact import Span, redact_text
from sxe_pipeline.redact.fields import (
    RedactedLinks,
    contact_shaped,
    is_contact_link,
    is_contact_shaped,
    redact_links,
)
from sxe_pipeline.redact.names import holds_contact
from sxe_pipeline.redact.ruleset import RULESET_VERSION, Rules
from sxe_pipeline.redact.seams import Joined, redact_seam

__all__ = [
    "RULESET_VERSION",
    "Joined",
    "Redacted",
    "RedactedLinks",
    "Rules",
    "Span",
    "contact_shaped",
    "holds_contact",
    "is_contact_link",
    "is_contact_shaped",
    "redact_array",
    "redact_links",
    "redact_seam",
    "redact_text",
]
