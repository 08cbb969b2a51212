"""Contact tier: approved requests become contact points.

In:     permits of the gate, with the match inputs of their items
Out:    contacts/contact_points (encrypted), the outcome of every call
Never:  a read of Tier 1, a call without a permit, a value in an event, a log or an error
"""
