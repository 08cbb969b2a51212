"""Alerts: what a person must know, said once to one address, and once more when it is over.

In:     runs, work that is due, checks, the days of the register
Out:    ops.alert (one line an incident), messages to the webhook
Never:  a value of a profile or contact, a reason that is not ours, a failed tick
"""
