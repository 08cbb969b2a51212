"""The whole pipeline on invented people, and the proof that it kept its word.

In:     the sandbox's world, or landing folders of the user
Out:    a home that can be looked at, and a report of what was measured
Never:  a part of a production deployment; a rule of its own about what contact data is
"""
