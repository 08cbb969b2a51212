"""What a consumer runs: find what is newest, fetch it, check it, answer for it.

In:     an address and a pinned key
Out:    batches of which every byte was checked; an answer with proof of reading
Never:  a database of ours, a key that lies beside a batch
"""
