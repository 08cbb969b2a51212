-- Lead cards of each market by language and by follower band, made anew with the pools.
create table cards.facet (
    market text not null,
    facet text not null check (facet in ('language', 'follower_band')),
    value text,
    card_count bigint not null check (card_count > 0),
    unique nulls not distinct (market, facet, value)
);
