"""Gate: may we spend?

In:     candidates of the cards; requests, approvals and caps of people
Out:    permits, one per provider call; the ledger; receipts
Never:  a contact value, a call, a decision outside of Postgres
"""
