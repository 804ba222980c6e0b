-- The functions a Marten 9.29 store calls, by its signatures (conjoined tenancy, string streams, causation, correlation and headers on,
-- append mode QuickWithServerTimestamps), so that Marten opens, appends to and projects this database without changing it first.
-- What is ours in them: an append announces itself to the high-water mark as ours do (0003), and locks its stream's row.

create function mt_mark_event_progression(name varchar, last_encountered bigint) returns void language plpgsql as $$
begin
    insert into mt_event_progression (name, last_seq_id, last_updated)
    values (name, last_encountered, transaction_timestamp())
    on conflict on constraint pk_mt_event_progression
    do update set last_seq_id = excluded.last_seq_id, last_updated = excluded.last_updated;
end
$$;

create function mt_mark_progression_with_skip(shard_name varchar, ending_sequence bigint, starting_sequence bigint)
returns bigint language plpgsql as $$
declare
    v_now bigint;
begin
    insert into mt_event_progression as p (name, last_seq_id, last_updated)
    values (shard_name, ending_sequence, transaction_timestamp())
    on conflict on constraint pk_mt_event_progression
    do update set last_seq_id = excluded.last_seq_id, last_updated = excluded.last_updated
    where p.last_seq_id = mt_mark_progression_with_skip.starting_sequence;

    select p.last_seq_id into v_now from mt_event_progression p where p.name = shard_name;
    if v_now = mt_mark_progression_with_skip.ending_sequence then
        insert into mt_high_water_skips as s (ending_sequence, starting_sequence)
        values (mt_mark_progression_with_skip.ending_sequence, mt_mark_progression_with_skip.starting_sequence)
        on conflict on constraint pkey_mt_high_water_skips_ending_sequence do nothing;
    end if;
    return v_now;
end
$$;

create function mt_archive_stream(streamid varchar, tenantid varchar) returns void language plpgsql as $$
begin
    update mt_streams s set is_archived = true where s.id = streamid and s.tenant_id = tenantid;
    update mt_events e set is_archived = true where e.stream_id = streamid and e.tenant_id = tenantid;
end
$$;

create function mt_quick_append_events(
    stream varchar, stream_type varchar, tenantid varchar, event_ids uuid[], event_types varchar[], dotnet_types varchar[], bodies jsonb[],
    bdatas bytea[], causation_ids varchar[], correlation_ids varchar[], headers jsonb[], timestamps timestamptz[],
    expected_version bigint default null
) returns bigint[] language plpgsql as $$
declare
    v_version bigint;
    v_archived bool;
    v_sequence bigint;
    v_result bigint[];
begin
    select s.version, s.is_archived into v_version, v_archived
    from mt_streams s where s.tenant_id = tenantid and s.id = stream for update;
    if v_archived then
        raise exception 'Stream % of tenant % is archived.', stream, tenantid using errcode = 'MT001';
    end if;
    if expected_version is not null and expected_version <> coalesce(v_version, 0) then
        raise exception 'Stream % is at version %, not %.', stream, coalesce(v_version, 0), expected_version using errcode = 'MT003';
    end if;
    if v_version is null then
        insert into mt_streams (tenant_id, id, type, version, timestamp, created, is_archived)
        values (tenantid, stream, stream_type, 0, now(), now(), false);
        v_version := 0;
    end if;

    perform pg_advisory_xact_lock_shared((21569::bigint << 48) | (q.last_value - case when q.is_called then 0 else 1 end))
    from mt_events_sequence q;
    v_result := array[v_version + cardinality(event_ids)];
    for i in 1 .. cardinality(event_ids) loop
        v_sequence := nextval('mt_events_sequence');
        insert into mt_events (seq_id, id, stream_id, version, data, bdata, type, timestamp, tenant_id, mt_dotnet_type,
                               correlation_id, causation_id, headers, is_archived)
        values (v_sequence, event_ids[i], stream, v_version + i, bodies[i], bdatas[i], event_types[i], timestamps[i], tenantid,
                dotnet_types[i], correlation_ids[i], causation_ids[i], headers[i], false);
        v_result := v_result || v_sequence;
    end loop;

    update mt_streams s set version = v_version + cardinality(event_ids), timestamp = now() where s.tenant_id = tenantid and s.id = stream;
    return v_result;
end
$$;
