"""The stores: where rows, tables and objects lie, and nothing about what they mean.

In:     Arrow batches, bytes and SQL of the stages
Out:    named table versions, objects written once, transactions
Never:  a value of a row in an exception text; a reader of a version that Postgres does not name
"""
