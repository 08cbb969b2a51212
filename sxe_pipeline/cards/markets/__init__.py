"""Markets: what is told of one, on a screen, as data and on a page.

In:     cards.funnel, cards.audience_pool, cards.facet; what enrichment would cost, from the gate
Out:    numbers of a market, its page, the pages of all of them in the Tier 1 store
Never:  a person, a request of the page to anywhere
"""
