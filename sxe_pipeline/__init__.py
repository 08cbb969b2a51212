"""Social XPress Engine: public social profiles become contact-free, labeled, signed lead batches.

The folders are the stages, in the order of the flow: ingest, social, cards, handoff. `audit` stands
beside every arrow; `store`, `schema` and `redact` are what the stages stand on. Stages never import
each other; `definitions` puts them together.
"""

__version__ = "0.1.0"
