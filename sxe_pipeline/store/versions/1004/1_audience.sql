-- Besides its leads a pool counts its audience: identities of which a topic alone is known.
alter table cards.audience_pool add column audience_count bigint not null default 0
    check (audience_count >= 0);

-- The funnel of each market, as of each landed day: what stood there is made anew with the cards.
drop table cards.funnel;
create table cards.funnel (
    landed_day date not null,
    market text not null,
    platform text not null,
    stage text not null,
    value bigint not null check (value > 0),
    primary key (landed_day, market, platform, stage)
);
