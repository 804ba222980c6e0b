-- Appends what one batch gathered, in one statement of its caller: arrays in, one row a request out.
--
-- A request is refused for itself alone: 2 = one of its keys is taken, 3 = the stream is not at the expected version, 4 = the stream is archived.
-- Sequence numbers are drawn last, for accepted requests only, so that a conflict burns none. Streams and keys are inserted without "on conflict":
-- losing a race against another process must fail the statement before a number is drawn, and its caller starts over with a fresh look.
--
-- Before the first number is drawn, a shared advisory lock is taken whose key holds the sequence's value at that moment. Every number this
-- transaction draws is above it. The lock goes when the transaction ends, after its rows became visible: see the high-water mark.
create function es_append(
    p_tenant varchar[], p_stream varchar[], p_stream_type varchar[], p_expected bigint[], p_count int[], p_first int[], p_has_existing bool,
    p_key_request int[], p_key text[],
    p_request int[], p_position int[], p_id uuid[], p_type varchar[], p_dotnet_type varchar[], p_data jsonb[],
    p_correlation varchar[], p_causation varchar[], p_headers jsonb[],
    p_now timestamptz
) returns table (request int, verdict int, version bigint, sequence bigint, taken_key text, taken_stream varchar, taken_version bigint)
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_version bigint[];
    v_verdict int[];
    v_sequence bigint[];
    v_taken_key text[] := '{}';
    v_taken_stream varchar[] := '{}';
    v_taken_version bigint[] := '{}';
    v_hit record;
begin
    if p_has_existing then
        perform 1 from mt_streams s
        where (s.tenant_id, s.id) in (select u.tenant, u.stream from unnest(p_tenant, p_stream) u(tenant, stream))
        order by s.tenant_id, s.id
        for update;
    end if;

    select array_agg(s.version order by u.ord),
           array_agg(case when s.is_archived then 4
                          when u.expected is not null and u.expected <> coalesce(s.version, 0) then 3
                          else 1 end order by u.ord)
    into v_version, v_verdict
    from unnest(p_tenant, p_stream, p_expected) with ordinality u(tenant, stream, expected, ord)
    left join lateral (
        select t.version, t.is_archived from mt_streams t where t.tenant_id = u.tenant and t.id = u.stream
    ) s on true;

    if cardinality(p_key) > 0 then
        for v_hit in
            select k.req, r.key, r.stream_id, r.version
            from unnest(p_key_request, p_key) k(req, key)
            join dedupe_registry r on r.tenant_id = p_tenant[k.req] and r.key = k.key
        loop
            v_verdict[v_hit.req] := 2;
            v_taken_key[v_hit.req] := v_hit.key;
            v_taken_stream[v_hit.req] := v_hit.stream_id;
            v_taken_version[v_hit.req] := v_hit.version;
        end loop;

        insert into dedupe_registry (tenant_id, key, stream_id, version, created_at)
        select p_tenant[k.req], k.key, p_stream[k.req], coalesce(v_version[k.req], 0) + 1, p_now
        from unnest(p_key_request, p_key) k(req, key)
        where v_verdict[k.req] = 1;
    end if;

    insert into mt_streams (tenant_id, id, type, version, timestamp, created, is_archived)
    select u.tenant, u.stream, u.type, u.count, p_now, p_now, false
    from unnest(p_tenant, p_stream, p_stream_type, p_count) with ordinality u(tenant, stream, type, count, ord)
    where v_verdict[u.ord] = 1 and v_version[u.ord] is null;

    if p_has_existing then
        update mt_streams s set version = v_version[u.ord] + u.count, timestamp = p_now
        from unnest(p_tenant, p_stream, p_count) with ordinality u(tenant, stream, count, ord)
        where s.tenant_id = u.tenant and s.id = u.stream and v_verdict[u.ord] = 1 and v_version[u.ord] is not null;
    end if;

    -- 0x5441 ("TA") in the upper 16 bits tells our locks from everybody else's; the lower 48 hold the lower bound.
    perform pg_advisory_xact_lock_shared((21569::bigint << 48) | (q.last_value - case when q.is_called then 0 else 1 end))
    from mt_events_sequence q;

    v_sequence := array(select case when v_verdict[r] = 1 then nextval('mt_events_sequence') end from unnest(p_request) r);

    insert into mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type,
                           correlation_id, causation_id, headers, is_archived)
    select v_sequence[e.ord], e.id, p_stream[e.req], coalesce(v_version[e.req], 0) + e.pos, e.data, e.type, p_now, p_tenant[e.req],
           e.dotnet_type, e.correlation, e.causation, e.headers, false
    from unnest(p_request, p_position, p_id, p_type, p_dotnet_type, p_data, p_correlation, p_causation, p_headers)
         with ordinality e(req, pos, id, type, dotnet_type, data, correlation, causation, headers, ord)
    where v_sequence[e.ord] is not null;

    perform set_config('trackai.appended', array(select r from generate_subscripts(v_verdict, 1) r where v_verdict[r] = 1)::text, true);

    return query
    select r, v_verdict[r],
           case when v_verdict[r] = 1 then coalesce(v_version[r], 0) + p_count[r] else coalesce(v_version[r], 0) end,
           v_sequence[p_first[r]], v_taken_key[r], v_taken_stream[r], v_taken_version[r]
    from generate_subscripts(v_verdict, 1) r;
end
$$;

-- The same for a single request, which is what a lone caller pays for: no arrays to match, a third of the time.
create function es_append_one(
    p_tenant varchar, p_stream varchar, p_stream_type varchar, p_expected bigint, p_keys text[],
    p_id uuid[], p_type varchar[], p_dotnet_type varchar[], p_data jsonb[], p_correlation varchar, p_causation varchar,
    p_now timestamptz
) returns table (request int, verdict int, version bigint, sequence bigint, taken_key text, taken_stream varchar, taken_version bigint)
language plpgsql
set enable_seqscan = off
as $$
declare
    v_version bigint;
    v_archived bool;
    v_sequence bigint;
begin
    request := 1;
    if p_expected is distinct from 0 then
        select s.version, s.is_archived into v_version, v_archived from mt_streams s where s.tenant_id = p_tenant and s.id = p_stream for update;
    else
        select s.version, s.is_archived into v_version, v_archived from mt_streams s where s.tenant_id = p_tenant and s.id = p_stream;
    end if;
    version := coalesce(v_version, 0);

    if cardinality(p_keys) > 0 then
        select r.key, r.stream_id, r.version into taken_key, taken_stream, taken_version
        from dedupe_registry r where r.tenant_id = p_tenant and r.key = any (p_keys) limit 1;
    end if;
    verdict := case when taken_key is not null then 2
                    when v_archived then 4
                    when p_expected is not null and p_expected <> version then 3
                    else 1 end;
    if verdict <> 1 then
        perform set_config('trackai.appended', '{}', true);
        return next;
        return;
    end if;

    if cardinality(p_keys) > 0 then
        insert into dedupe_registry (tenant_id, key, stream_id, version, created_at)
        select p_tenant, k, p_stream, version + 1, p_now from unnest(p_keys) k;
    end if;
    if v_version is null then
        insert into mt_streams (tenant_id, id, type, version, timestamp, created, is_archived)
        values (p_tenant, p_stream, p_stream_type, cardinality(p_id), p_now, p_now, false);
    else
        update mt_streams s set version = v_version + cardinality(p_id), timestamp = p_now where s.tenant_id = p_tenant and s.id = p_stream;
    end if;

    perform pg_advisory_xact_lock_shared((21569::bigint << 48) | (q.last_value - case when q.is_called then 0 else 1 end))
    from mt_events_sequence q;
    for i in 1 .. cardinality(p_id) loop
        insert into mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type,
                               correlation_id, causation_id, is_archived)
        values (nextval('mt_events_sequence'), p_id[i], p_stream, version + i, p_data[i], p_type[i], p_now, p_tenant, p_dotnet_type[i],
                p_correlation, p_causation, false)
        returning seq_id into v_sequence;
        sequence := coalesce(sequence, v_sequence);
    end loop;

    version := version + cardinality(p_id);
    perform set_config('trackai.appended', '{1}', true);
    return next;
end
$$;

-- The highest number below which nothing can appear any more, given the sequence's value read before: see HighWaterMark.cs.
create function es_lowest_appender() returns bigint language sql as $$
    select min(((l.classid::bigint << 32) | l.objid::bigint) & ((1::bigint << 48) - 1))
    from pg_locks l
    where l.locktype = 'advisory' and l.objsubid = 1 and (l.classid::bigint >> 16) = 21569
      and l.database = (select d.oid from pg_database d where d.datname = current_database())
$$;
