"""Adapters: what each provider is sent, and what its replies mean. Pure.

In:     the items of a call with their match inputs; a reply of the wire
Out:    an HTTP request without credentials; the charge, and the values of each item
Never:  a clock, the environment, a database, a connection, a retry
"""
