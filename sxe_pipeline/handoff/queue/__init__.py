"""Consumers are told of batches: the outbox of a tier, and what sends it to a broker.

In:     notices that were written with the batch
Out:    events of a broker, in order and at least once
Never:  a row of a batch
"""
