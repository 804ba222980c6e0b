-- Of a lane whose circuit is open, and of all lanes while Meta's is, a few dispatches are tried when its time has come: no more than these are
-- claimed, or are at SQS, only to be given back.
create or replace function dispatch_take(
    p_claim uuid, p_now timestamptz, p_until timestamptz, p_per_lane int, p_most int,
    p_busy_tenants varchar[], p_busy_pixels varchar[], p_after_tenant varchar, p_after_pixel varchar, p_circuits bool
) returns table (dispatch_id varchar, tenant_id varchar, conversion_id varchar, pixel_id varchar, attempt int,
                 requested_at timestamptz, expires_at timestamptz, unknown_since timestamptz, redrive_id uuid)
language sql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
    with open_lane as materialized (
        select l.tenant_id, l.pixel_id,
               case when p_circuits and exists (
                        select from dispatch_pixel p
                        where p.circuit = 'open'
                          and ((p.tenant_id = l.tenant_id and p.pixel_id = l.pixel_id) or (p.tenant_id = '' and p.pixel_id = ''))
                    ) then least(p_per_lane, 10 - (
                        select count(*)::int from (
                            select from dispatch_queue h
                            where h.tenant_id = l.tenant_id and h.pixel_id = l.pixel_id and h.handed_over_at is not null limit 10
                        ) s
                    )) else p_per_lane end most
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
            order by q.tenant_id, q.pixel_id, q.due_at limit l.most for update skip locked
        ) d
        limit p_most
    )
    update dispatch_queue q set claim = p_claim, claimed_until = p_until from due
    where q.dispatch_id = due.dispatch_id
    returning q.dispatch_id, q.tenant_id, q.conversion_id, q.pixel_id, q.attempt, q.requested_at, q.expires_at, q.unknown_since, q.redrive_id
$$;
