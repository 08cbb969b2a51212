-- Landing that can be mended: what was withdrawn and why, what each file brought.

alter table ingest.landing_file
    add column withdrawn_at timestamptz,
    add column withdrawn_reason text check (withdrawn_reason <> ''),
    add check ((withdrawn_at is null) = (withdrawn_reason is null));

-- Its description or mapping cannot be read: nothing of it is taken in until that is mended.
alter table ingest.collection
    add column problem text check (problem <> ''),
    add column mapping_sha256 ops.sha256;

-- What a landed day was made from beside its files: mapping, collection, rules and code.
alter table social.day_count add column inputs text not null default '';

create table social.file_count (
    collection text not null,
    file_sha256 ops.sha256 not null,
    landed_day date not null,
    input_count bigint not null check (input_count >= 0),
    observation_count bigint not null check (observation_count >= 0),
    quarantine_count bigint not null check (quarantine_count >= 0),
    reasons jsonb not null default '{}' check (jsonb_typeof(reasons) = 'object'),
    -- Column -> rows with a value, and rows whose value could not be read.
    filled jsonb not null default '{}' check (jsonb_typeof(filled) = 'object'),
    nulled jsonb not null default '{}' check (jsonb_typeof(nulled) = 'object'),
    -- Column -> rows that are in quarantine because of its value.
    refused jsonb not null default '{}' check (jsonb_typeof(refused) = 'object'),
    primary key (collection, file_sha256)
);

create index file_count_day on social.file_count (landed_day);
