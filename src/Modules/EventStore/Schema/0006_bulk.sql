-- What es_append does before it draws its first number, for whoever writes events by other statements: see the high-water mark.
create function es_announce_appender() returns void language sql as $$
    select pg_advisory_xact_lock_shared((21569::bigint << 48) | (q.last_value - case when q.is_called then 0 else 1 end))
    from mt_events_sequence q
$$;

-- Indexes that a rebuild makes once its tables are filled, as statements.
alter table es_rebuild add column deferred text[] not null default '{}';
