-- One row per stream with something personal in it. Erasing a person takes the wrapped key out and leaves the row as a tombstone, so that
-- nobody gives the stream a second key. Lies outside the event log on purpose: the log is for ever, this is not.
create table stream_key
(
    tenant_id    varchar     not null,
    stream_id    varchar     not null,
    wrapped_key  bytea,
    created_at   timestamptz not null default now(),
    destroyed_at timestamptz,
    primary key (tenant_id, stream_id),
    check ((wrapped_key is null) = (destroyed_at is not null))
);
