"""Formats: the bytes of a landing file become records, whatever wrote them.

In:     a stream of bytes and its name
Out:    records with their numbers, and faults with what to do about that very file
Never:  more of a file in memory than a bounded piece of it, a guess at what a record means
"""
