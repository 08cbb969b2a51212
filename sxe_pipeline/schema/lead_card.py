"""The table of cards: the contract `lead_card`, and what stays inside Tier 1.

Here: the columns of `cards/lead_cards`. Apart from `tables`, because reading a contract takes time
that only the cards need to spend.
"""

from sxe_pipeline.schema.columns import Column
from sxe_pipeline.schema.load import load
from sxe_pipeline.schema.table import Table
from sxe_pipeline.schema.tables import required

CONTRACT = load("lead_card")

_INTERNAL: tuple[Column, ...] = (
    required("labels_key", "string", "ours"),
    required("is_eligible", "boolean", "flag"),
    required("informative_token_count", "int64", "count"),
    required("is_tagged", "boolean", "flag"),
    required("is_own_words_tagged", "boolean", "flag"),
    required("says_two_things", "boolean", "flag"),
)

LEAD_CARD = Table("cards/lead_cards", (*CONTRACT.columns, *_INTERNAL), key=("card_id",))
"""`cards/lead_cards`, sorted by card_id. Null means: the profile does not say, or nothing was sure
enough. `is_eligible`: at least three informative tokens or a platform category. `is_tagged`:
persona and primary tribe from any source; `is_own_words_tagged`: specific persona and tribe, both
from text or platform; `says_two_things`: besides, some words speak of the tribe alone."""
