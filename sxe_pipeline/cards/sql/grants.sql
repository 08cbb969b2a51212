-- Read models of the cards: made anew by the social tier, looked at by the api.

grant usage on schema cards to sxe_social, sxe_api;
grant select, insert, update, delete on cards.audience_pool, cards.declared, cards.facet, cards.funnel to sxe_social;
grant select on cards.audience_pool, cards.facet, cards.funnel to sxe_api;
