-- A lane is what waits for one pixel of one tenant. Hosts take from the lanes in turn, so that no lane waits for another's trouble or volume.

alter table dispatch_queue
    -- Until when the claim holds if nobody keeps it up. In no index: a claim moves no row and leaves no dead entry behind.
    add column claimed_until timestamptz,
    -- Meta refuses it from then on.
    add column expires_at timestamptz,
    -- When it was handed to SQS; null where it never was, and where it is parked here again.
    add column handed_over_at timestamptz,
    -- The command that took it from the dead letters.
    add column redrive_id uuid;
update dispatch_queue set claimed_until = due_at where claim is not null;
update dispatch_queue set expires_at = requested_at + interval '7 days';
alter table dispatch_queue alter column expires_at set not null;

drop index dispatch_queue_due;
create index dispatch_queue_lane on dispatch_queue (tenant_id, pixel_id, due_at);
create index dispatch_queue_handed_over on dispatch_queue (tenant_id, pixel_id) where handed_over_at is not null;

-- Every row is inserted, claimed in its place and deleted soon after: room on its page for the claim, and a vacuum that does not wait for a share.
alter table dispatch_queue set (
    fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0
);

alter table dispatch_dead_letter
    add column expires_at timestamptz,
    add column unknown_since timestamptz;
update dispatch_dead_letter set expires_at = requested_at + interval '7 days';
alter table dispatch_dead_letter alter column expires_at set not null;

-- What all hosts have to know of a pixel before they send to it; of Meta as a whole in the row without tenant and pixel.
create table dispatch_pixel (
    tenant_id          varchar     not null,
    pixel_id           varchar     not null,
    -- Paused: until its token changes, or by command.
    paused_at          timestamptz,
    pause_reason       varchar,
    pause_error        text,
    token_fingerprint  varchar,
    -- Meta asked for a pause.
    throttled_until    timestamptz,
    circuit            varchar     not null default 'closed' check (circuit in ('closed', 'open')),
    circuit_since      timestamptz,
    circuit_error      text,
    circuit_until      timestamptz,
    -- What Meta says of the token.
    token_checked_at   timestamptz,
    token_expires_at   timestamptz,
    token_alert        varchar,
    primary key (tenant_id, pixel_id)
) with (fillfactor = 50);

-- The lanes that something waits in, by hopping over the index from one to the next: as many steps as lanes, however much waits in them.
create function dispatch_lanes() returns table (tenant_id varchar, pixel_id varchar)
language sql stable
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off
as $$
    with recursive lane as (
        (select q.tenant_id, q.pixel_id from dispatch_queue q order by q.tenant_id, q.pixel_id limit 1)
        union all
        select n.tenant_id, n.pixel_id
        from lane l cross join lateral (
            select q.tenant_id, q.pixel_id from dispatch_queue q
            where (q.tenant_id, q.pixel_id) > (l.tenant_id, l.pixel_id)
            order by q.tenant_id, q.pixel_id limit 1
        ) n
    )
    select l.tenant_id, l.pixel_id from lane l
$$;

-- From when on a lane may be taken from; null while it is paused.
create function dispatch_lane_opens(p_tenant varchar, p_pixel varchar, p_circuits bool) returns timestamptz
language sql stable
as $$
    select case when bool_or(p.paused_at is not null) then null
                else greatest('-infinity', max(p.throttled_until), case when p_circuits then max(p.circuit_until) end) end
    from dispatch_pixel p
    where (p.tenant_id = p_tenant and p.pixel_id = p_pixel) or (p.tenant_id = '' and p.pixel_id = '')
$$;

-- Claims what is due: from each lane that is open and not busy at most p_per_lane, the lanes after the given one first, p_most in all.
create function dispatch_take(
    p_claim uuid, p_now timestamptz, p_until timestamptz, p_per_lane int, p_most int,
    p_busy_tenants varchar[], p_busy_pixels varchar[], p_after_tenant varchar, p_after_pixel varchar, p_circuits bool
) returns table (dispatch_id varchar, tenant_id varchar, conversion_id varchar, pixel_id varchar, attempt int,
                 requested_at timestamptz, expires_at timestamptz, unknown_since timestamptz, redrive_id uuid)
language sql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
    with open_lane as materialized (
        select l.tenant_id, l.pixel_id
        from dispatch_lanes() l
        where not exists (
            select from unnest(p_busy_tenants, p_busy_pixels) b(tenant_id, pixel_id)
            where b.tenant_id = l.tenant_id and b.pixel_id = l.pixel_id
        )
        and dispatch_lane_opens(l.tenant_id, l.pixel_id, p_circuits) <= p_now
        order by (l.tenant_id, l.pixel_id) > (p_after_tenant, p_after_pixel) desc, l.tenant_id, l.pixel_id
    ),
    due as materialized (
        select d.dispatch_id
        from open_lane l cross join lateral (
            select q.dispatch_id from dispatch_queue q
            where q.tenant_id = l.tenant_id and q.pixel_id = l.pixel_id and q.due_at <= p_now
              and (q.claimed_until is null or q.claimed_until <= p_now)
            order by q.tenant_id, q.pixel_id, q.due_at limit p_per_lane for update skip locked
        ) d
        limit p_most
    )
    update dispatch_queue q set claim = p_claim, claimed_until = p_until from due
    where q.dispatch_id = due.dispatch_id
    returning q.dispatch_id, q.tenant_id, q.conversion_id, q.pixel_id, q.attempt, q.requested_at, q.expires_at, q.unknown_since, q.redrive_id
$$;

-- When there will be something to take; null when nothing waits in a lane that opens by itself.
create function dispatch_next_due(p_busy_tenants varchar[], p_busy_pixels varchar[], p_circuits bool) returns timestamptz
language sql stable
set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
    select min(greatest(d.due_at, dispatch_lane_opens(l.tenant_id, l.pixel_id, p_circuits)))
    from dispatch_lanes() l cross join lateral (
        select q.due_at from dispatch_queue q
        where q.tenant_id = l.tenant_id and q.pixel_id = l.pixel_id and q.claimed_until is null
        order by q.tenant_id, q.pixel_id, q.due_at limit 1
    ) d
    where dispatch_lane_opens(l.tenant_id, l.pixel_id, p_circuits) is not null
      and not exists (
          select from unnest(p_busy_tenants, p_busy_pixels) b(tenant_id, pixel_id)
          where b.tenant_id = l.tenant_id and b.pixel_id = l.pixel_id
      )
$$;

-- Sales that were skipped because their tenant had no pixel for them, as long as Meta would still take them: a pixel set in time revives them.
create table dispatch_no_pixel (
    tenant_id        varchar     not null,
    conversion_id    varchar     not null,
    gateway          varchar     not null,
    product_id       text,
    expires_at       timestamptz not null,
    primary key (tenant_id, conversion_id)
);
