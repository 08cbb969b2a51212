-- The log sealed in Merkle batches. An event waits here from its transaction until it is a leaf: by a
-- number or a time alone, one whose transaction ends late would be passed over. Who seals needs no more of
-- an event than what stands here.
create table audit.pending (
    recorded_at timestamptz not null,
    event_id uuid not null references audit.event,
    leaf_hash bytea not null check (octet_length(leaf_hash) = 32),
    primary key (recorded_at, event_id)
);

insert into audit.pending select recorded_at, event_id, leaf_hash from audit.event;

create table audit.leaf (
    leaf_index bigint primary key check (leaf_index >= 0),
    event_id uuid not null unique references audit.event,
    leaf_hash bytea not null check (octet_length(leaf_hash) = 32)
);

-- `peaks`: roots of the perfect trees that the leaves so far make, left to right; the next seal goes on from
-- them. `checkpoint`: the signed envelope, as it stands outside of the database.
create table audit.seal (
    seal_no bigint primary key check (seal_no >= 1),
    first_leaf bigint not null check (first_leaf >= 0),
    tree_size bigint not null,
    root bytea not null check (octet_length(root) = 32),
    peaks bytea[] not null,
    prev_seal_hash bytea check (octet_length(prev_seal_hash) = 32),
    seal_hash bytea not null unique check (octet_length(seal_hash) = 32),
    checkpoint bytea not null,
    key_id ops.sha256 not null,
    sealed_at timestamptz not null,
    check (tree_size > first_leaf),
    check ((seal_no = 1) = (prev_seal_hash is null))
);
