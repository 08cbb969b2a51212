"""A grammar of ways to write a contact, and of harmless texts that look like one.

Belongs here: what people do to a contact before they post it, composed at random: a kind, how it is
spelled, in which language, how its characters are disguised, what stands around it, where in the
text. A seed gives the same texts for ever; a new seed a release gives texts that no rule was made
for. Does not belong here: anything of the product. The rules and this grammar share no list, so
that a word somebody forgot there is not forgotten here as well.
"""

from sxe_pipeline_tests.redact.ways.compose import KINDS, Row, contacts, hard_lookalikes, harmless

__all__ = ["KINDS", "Row", "contacts", "hard_lookalikes", "harmless"]
