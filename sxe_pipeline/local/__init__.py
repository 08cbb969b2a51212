"""Processes of one machine or container: who is started, with which logins, and how it ends.

In:     the settings of this process
Out:    the embedded Postgres, Dagster's processes, the contact child, what `sxe doctor` saw
Never:  what a stage decides; an invented person
"""
