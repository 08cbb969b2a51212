"""Operations: what keeps a month going without a person.

In:     runs that beat, work that is due, versions that were written
Out:    rows that say what is alive (ops.run), due (work), named (version) and sound (verdict)
Never:  a profile, a contact, a decision about money
"""
