-- The same rows, told by what each day's cells add up to, instead of by looks at each day: a statement that asks for a stretch of days reads that stretch
-- of each table once, and is cheap enough that a server which compiles what it thinks expensive (jit) leaves it alone.

create or replace view v_match_rate_by_tenant as
select
    tenant_id,
    date as day,
    sum(conversions)::bigint as conversions,
    sum(matched)::bigint as matched,
    sum(unmatched)::bigint as unmatched,
    round(100 * sum(matched) / nullif(sum(matched) + sum(unmatched), 0), 2) as match_rate,
    coalesce(jsonb_object_agg(gateway, rate) filter (where rate is not null), '{}') as by_gateway,
    coalesce(jsonb_object_agg(rule, joined) filter (where joined <> 0), '{}') as by_rule,
    coalesce(jsonb_object_agg(currency, revenue_matched) filter (where revenue_matched <> 0), '{}') as revenue_matched,
    coalesce(jsonb_object_agg(currency, revenue_unmatched) filter (where revenue_unmatched <> 0), '{}') as revenue_unmatched
from (
    select
        tenant_id,
        date,
        gateway,
        sum(conversions) as conversions,
        coalesce(sum(conversions) filter (where match not in ('undecided', 'unmatched')), 0) as matched,
        coalesce(sum(conversions) filter (where match = 'unmatched'), 0) as unmatched,
        round(
            100 * coalesce(sum(conversions) filter (where match not in ('undecided', 'unmatched')), 0)
            / nullif(sum(conversions) filter (where match <> 'undecided'), 0),
            2
        ) as rate,
        null::varchar as rule,
        null::bigint as joined,
        null::varchar as currency,
        null::numeric as revenue_matched,
        null::numeric as revenue_unmatched
    from conversion_daily
    where kind <> 'test'
    group by tenant_id, date, gateway
    union all
    select tenant_id, date, null, null, null, null, null, match, sum(conversions)::bigint, null, null, null
    from conversion_daily
    where kind <> 'test' and match not in ('undecided', 'unmatched')
    group by tenant_id, date, match
    union all
    select
        tenant_id, date, null, null, null, null, null, null, null, currency,
        coalesce(sum(amount) filter (where match not in ('undecided', 'unmatched')), 0),
        coalesce(sum(amount) filter (where match in ('undecided', 'unmatched')), 0)
    from conversion_daily
    where kind <> 'test' and state in ('approved', 'refund_requested')
    group by tenant_id, date, currency
) cells
group by tenant_id, date
having sum(conversions) <> 0;

create or replace view analytics_metrics_daily as
select
    tenant_id,
    date,
    coalesce(sum(total_events), 0)::bigint as total_events,
    coalesce(sum(dispatch_success), 0)::bigint as dispatch_success,
    coalesce(sum(dispatch_failed), 0)::bigint as dispatch_failed,
    coalesce(sum(dispatch_skipped), 0)::bigint as dispatch_skipped,
    coalesce(sum(dispatch_dead), 0)::bigint as dispatch_dead,
    coalesce(sum(dispatch_waiting), 0)::bigint as dispatch_waiting,
    coalesce(sum(matched), 0)::bigint as matched,
    coalesce(sum(unmatched), 0)::bigint as unmatched,
    round(100.0 * coalesce(sum(matched), 0) / nullif(coalesce(sum(matched), 0) + coalesce(sum(unmatched), 0), 0), 2) as match_rate,
    coalesce(sum(clicks), 0)::bigint as clicks,
    coalesce(sum(pageviews), 0)::bigint as pageviews,
    coalesce(sum(checkouts), 0)::bigint as checkouts,
    coalesce(jsonb_object_agg(currency, revenue) filter (where revenue <> 0), '{}') as revenue,
    coalesce(jsonb_object_agg(currency, reversed) filter (where reversed <> 0), '{}') as reversed,
    coalesce(sum(attempts), 0)::bigint as attempts,
    max(latency_avg_ms) as latency_avg_ms,
    max(latency_p95_ms) as latency_p95_ms
from (
    select
        tenant_id,
        date,
        currency,
        sum(conversions) as total_events,
        sum(conversions) filter (where dispatch_status = 'sent') as dispatch_success,
        sum(conversions) filter (where dispatch_status = 'failed') as dispatch_failed,
        sum(conversions) filter (where dispatch_status = 'skipped') as dispatch_skipped,
        sum(conversions) filter (where dispatch_status = 'dead') as dispatch_dead,
        sum(conversions) filter (where dispatch_status = 'waiting') as dispatch_waiting,
        sum(conversions) filter (where match not in ('undecided', 'unmatched') and kind <> 'test') as matched,
        sum(conversions) filter (where match = 'unmatched' and kind <> 'test') as unmatched,
        sum(amount) filter (where state in ('approved', 'refund_requested')) as revenue,
        sum(amount) filter (where state in ('refunded', 'charged_back')) as reversed,
        null::bigint as clicks,
        null::bigint as pageviews,
        null::bigint as checkouts,
        null::numeric as attempts,
        null::numeric as latency_avg_ms,
        null::numeric as latency_p95_ms
    from conversion_daily
    group by tenant_id, date, currency
    union all
    select
        tenant_id, date, null, null, null, null, null, null, null, null, null, null, null, clicks, pageviews, checkouts, null, null, null
    from visits_daily
    union all
    select
        tenant_id, date, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
        sum(attempts),
        round(sum(latency_ms) filter (where latency_bucket >= 0) / nullif(sum(attempts) filter (where latency_bucket >= 0), 0), 3),
        -- The first bucket that 95 of 100 answers do not exceed.
        round(power(1.2, min(latency_bucket) filter (where latency_bucket >= 0 and up_to_here >= 0.95 * of_all)), 3)
    from (
        select
            tenant_id,
            date,
            latency_bucket,
            sum(attempts) as attempts,
            sum(latency_ms) as latency_ms,
            sum(sum(attempts) filter (where latency_bucket >= 0)) over (partition by tenant_id, date order by latency_bucket) as up_to_here,
            sum(sum(attempts) filter (where latency_bucket >= 0)) over (partition by tenant_id, date) as of_all
        from dispatch_attempt_daily
        group by tenant_id, date, latency_bucket
    ) buckets
    group by tenant_id, date
) days
group by tenant_id, date
having sum(total_events) <> 0 or sum(attempts) <> 0 or sum(clicks) + sum(pageviews) + sum(checkouts) <> 0;

-- A stretch of days is a few thousand rows: starting helpers for them takes longer than reading them.
alter table conversion_daily set (parallel_workers = 0);
alter table dispatch_attempt_daily set (parallel_workers = 0);
