"""The labeler: what accounts say becomes account type, persona and tribes, with the words for it.

In:     texts and flags of accounts, the taxonomy, the trained weights that lie here
Out:    `Labels`: by rules alone (`label`), or chosen by trained weights (`learned`)
Never:  a label without evidence, a model's answer that depends on the machine
"""
