"""Small faults put into a copy of the code, to see whether a test notices.

Here: making the faults, running the tests on each. A developer's tool (`make mutate`); no part of
`make test`, and nothing here touches the working tree.
"""
