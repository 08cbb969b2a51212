-- What is wrong now and was, and what was said of it: one line an incident.

create table ops.alert (
    alert_id uuid primary key default gen_random_uuid(),
    kind text not null check (kind ~ '^[a-z_]+$'),
    subject text not null check (subject <> ''),
    since timestamptz not null,
    run_id text,
    seen_at timestamptz not null default clock_timestamp(),
    said_at timestamptz,
    resolved_at timestamptz,
    resolved_said_at timestamptz,
    check (resolved_said_at is null or resolved_at is not null)
);

create unique index alert_open on ops.alert (kind, subject) where resolved_at is null;

-- What the second detector saw in a data file, which never changes: a file is scanned once.
create table ops.scan (
    table_name text not null,
    file_name text not null,
    detector text not null,
    certain bigint not null check (certain >= 0),
    open bigint not null check (open >= 0),
    primary key (table_name, file_name)
);
