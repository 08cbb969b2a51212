"""Social tier: one redacted profile per account, and which accounts are one card.

In:     landing files of the day, read and mapped by a function that is handed in
Out:    social/observations, social/quarantine, social/sightings, social/post_sightings,
        social/profiles, social/post_terms, social/identities, social/targets (Tier 1);
        social.card and social.alias (Postgres)
Never:  an e-mail address, a phone number, a contact link; a payload; a probabilistic merge
"""
