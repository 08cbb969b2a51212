"""Batches as files: the bytes of rows, what is signed of them, what two states differ by.

In:     rows of any contract
Out:    the same bytes for the same rows; signed manifests and heads
Never:  a database, a clock
"""
