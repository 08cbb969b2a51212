"""Lead cards: identities become labeled cards, cards become audience pools.

In:     social/profiles, social/identities, contracts/taxonomy, contracts/policy
Out:    cards/lead_cards (lead_card 1.x), cards/others, cards/audience_pools; their read models
        cards.audience_pool, cards.facet and cards.funnel; a page of each market; candidates
        before the gate
Never:  a label without the words that caused it, a contact, an answer of the contact side
"""
