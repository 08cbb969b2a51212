"""Web: what consumers ask over HTTP, answered from the handoff alone.

In:     a consumer's key; functions of the login `sxe_serve`; the bucket of Tier 1 batches
Out:    heads, batches, manifests, files, rows, acks, the view of 30 days; problems (RFC 9457)
Never:  a table of Tier 1, a value of a contact, an answer without a key, a cookie
"""
