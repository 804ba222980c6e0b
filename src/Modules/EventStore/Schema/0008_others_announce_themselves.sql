-- Whoever inserts events by statements of their own, as Marten's StartStream does, announces themselves, too: before the statement draws its first
-- number, and once a transaction. Hosts do it in their own statements and say so when they connect.
create function es_announce_others() returns trigger language plpgsql as $$
begin
    if coalesce(current_setting('trackai.announced', true), '') = '' then
        perform pg_advisory_xact_lock_shared(
            (21569::bigint << 48) | coalesce(pg_sequence_last_value(format('%I.mt_events_sequence', tg_table_schema)::regclass), 0)
        );
        perform set_config('trackai.announced', 'yes', true);
    end if;
    return null;
end
$$;

create trigger es_announce_others before insert on mt_events for each statement execute function es_announce_others();
