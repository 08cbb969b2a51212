-- The history of named table versions: what each was made from, and what was found in it.

create table ops.version (
    table_name text not null check (table_name ~ '^[a-z]+/[a-z_]+$'),
    version bigint not null check (version >= 0),
    inputs text not null,
    -- From this landed day on it is made anew although its inputs are the same.
    due_on date,
    numbers jsonb not null default '{}' check (jsonb_typeof(numbers) = 'object'),
    named_at timestamptz not null default clock_timestamp(),
    superseded_at timestamptz,
    primary key (table_name, version)
);

create unique index version_named on ops.version (table_name) where superseded_at is null;

insert into ops.version (table_name, version, inputs, named_at)
select table_name, version, '', named_at from social.table_version;

drop table social.table_version;

create table ops.verdict (
    table_name text not null,
    version bigint not null,
    verdict text not null check (verdict ~ '^[a-z_]+$'),
    is_passed boolean not null,
    numbers jsonb not null default '{}' check (jsonb_typeof(numbers) = 'object'),
    judged_at timestamptz not null default clock_timestamp(),
    primary key (table_name, version, verdict),
    foreign key (table_name, version) references ops.version on delete cascade
);
