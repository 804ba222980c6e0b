-- What a tenant's day adds up to is one row: its cells side by side in arrays, and beside them the sums that people ask for. A year is 365 short rows
-- to read instead of tens of thousands, and a page of the log changes few rows. What tells one cell from another stands once, under a number
-- that follows from the words (figure_cell_id), so that a rebuild comes to the same rows. Cells are never removed.

create function figure_cell_id(variadic words varchar[]) returns bigint language sql immutable as $$
    select ('x' || encode(substr(sha256(convert_to(string_agg(octet_length(word) || ':' || word, '' order by place), 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint
    from unnest(words) with ordinality w(word, place)
$$;

-- ---- projection DispatchSummary ----

create table conversion_cell (
    id              bigint  primary key,
    gateway         varchar not null,
    funnel_id       varchar not null,
    kind            varchar not null,
    state           varchar not null,
    currency        varchar not null,
    match           varchar not null,
    dispatch_status varchar not null,
    dispatch_reason varchar not null
);

create table conversion_day (
    tenant_id           varchar     not null,
    date                date        not null,
    cells               bigint[]    not null,
    conversions         bigint[]    not null,
    amounts             numeric[]   not null,
    total               bigint      not null,
    sent                bigint      not null,
    failed              bigint      not null,
    skipped             bigint      not null,
    dead                bigint      not null,
    waiting             bigint      not null,
    by_status           jsonb       not null,
    revenue             jsonb       not null,
    reversed            jsonb       not null,
    -- From here on without those that were marked as tests: they say nothing about a shop.
    genuine             bigint      not null,
    matched             bigint      not null,
    unmatched           bigint      not null,
    by_gateway          jsonb       not null,
    by_rule             jsonb       not null,
    revenue_matched     jsonb       not null,
    revenue_unmatched   jsonb       not null,
    primary key (tenant_id, date)
) with (toast_tuple_target = 8160, fillfactor = 70);

create table attempt_cell (
    id              bigint  primary key,
    gateway         varchar not null,
    status          varchar not null,
    reason          varchar not null,
    latency_bucket  int     not null
);

create table attempt_day (
    tenant_id       varchar     not null,
    date            date        not null,
    cells           bigint[]    not null,
    attempts        bigint[]    not null,
    latencies       numeric[]   not null,
    total           bigint      not null,
    latency_avg_ms  numeric,
    latency_p95_ms  numeric,
    primary key (tenant_id, date)
) with (toast_tuple_target = 8160, fillfactor = 70);

-- ---- projection MatchReasons ----

create table match_reason_cell (
    id          bigint  primary key,
    gateway     varchar not null,
    funnel_id   varchar not null,
    campaign    varchar not null,
    matched     boolean not null,
    outcome     varchar not null
);

create table match_reason_day (
    tenant_id   varchar     not null,
    date        date        not null,
    cells       bigint[]    not null,
    conversions bigint[]    not null,
    primary key (tenant_id, date)
) with (toast_tuple_target = 8160, fillfactor = 70);

-- ---- what earlier versions kept, until it is rebuilt ----

insert into conversion_cell
select figure_cell_id(gateway, funnel_id, kind, state, currency, match, dispatch_status, dispatch_reason), *
from (
    select distinct gateway, funnel_id, kind, state, currency, match, dispatch_status, dispatch_reason from conversion_daily where conversions <> 0
) cells;

-- Each part worked out once, whatever the statistics say.
insert into conversion_day
with days as materialized (select * from analytics_metrics_daily),
cells as materialized (
    select
        tenant_id, date,
        array_agg(c.id order by c.id) as cells,
        array_agg(d.conversions order by c.id) as conversions,
        array_agg(d.amount order by c.id) as amounts
    from conversion_daily d
    join conversion_cell c using (gateway, funnel_id, kind, state, currency, match, dispatch_status, dispatch_reason)
    where d.conversions <> 0
    group by tenant_id, date
),
statuses as materialized (
    select tenant_id, day, jsonb_object_agg(gateway, statuses) as by_status
    from (
        select tenant_id, day, gateway, jsonb_object_agg(status, conversions) as statuses from v_dispatch_summary group by tenant_id, day, gateway
    ) gateways
    group by tenant_id, day
),
rates as materialized (select * from v_match_rate_by_tenant)
select
    d.tenant_id, d.date, d.cells, d.conversions, d.amounts,
    m.total_events, m.dispatch_success, m.dispatch_failed, m.dispatch_skipped, m.dispatch_dead, m.dispatch_waiting,
    s.by_status, m.revenue, m.reversed,
    coalesce(r.conversions, 0), coalesce(r.matched, 0), coalesce(r.unmatched, 0),
    coalesce(r.by_gateway, '{}'), coalesce(r.by_rule, '{}'), coalesce(r.revenue_matched, '{}'), coalesce(r.revenue_unmatched, '{}')
from cells d
join days m on m.tenant_id = d.tenant_id and m.date = d.date
join statuses s on s.tenant_id = d.tenant_id and s.day = d.date
left join rates r on r.tenant_id = d.tenant_id and r.day = d.date;

insert into attempt_cell
select figure_cell_id(gateway, status, reason, latency_bucket::varchar), *
from (select distinct gateway, status, reason, latency_bucket from dispatch_attempt_daily) cells;

insert into attempt_day
with days as materialized (select * from analytics_metrics_daily),
cells as materialized (
    select
        tenant_id, date,
        array_agg(c.id order by c.id) as cells,
        array_agg(d.attempts order by c.id) as attempts,
        array_agg(d.latency_ms order by c.id) as latencies
    from dispatch_attempt_daily d
    join attempt_cell c using (gateway, status, reason, latency_bucket)
    group by tenant_id, date
)
select d.tenant_id, d.date, d.cells, d.attempts, d.latencies, m.attempts, m.latency_avg_ms, m.latency_p95_ms
from cells d
join days m on m.tenant_id = d.tenant_id and m.date = d.date;

insert into match_reason_cell
select figure_cell_id(gateway, funnel_id, campaign, matched::varchar, outcome), *
from (select distinct gateway, funnel_id, campaign, matched, outcome from match_reason_daily where conversions <> 0) cells;

insert into match_reason_day
select d.tenant_id, d.date, array_agg(c.id order by c.id), array_agg(d.conversions order by c.id)
from match_reason_daily d
join match_reason_cell c using (gateway, funnel_id, campaign, matched, outcome)
where d.conversions <> 0
group by d.tenant_id, d.date;

-- With all views over them.
drop table conversion_daily, dispatch_attempt_daily, match_reason_daily cascade;

-- ---- the cells, a row each ----

create view conversion_daily as
select
    d.tenant_id, d.date, c.gateway, c.funnel_id, c.kind, c.state, c.currency, c.match, c.dispatch_status, c.dispatch_reason, d.conversions, d.amount
from (
    select tenant_id, date, unnest(cells) as cell, unnest(conversions) as conversions, unnest(amounts) as amount from conversion_day
) d
join conversion_cell c on c.id = d.cell;

create view dispatch_attempt_daily as
select d.tenant_id, d.date, c.gateway, c.status, c.reason, c.latency_bucket, d.attempts, d.latency_ms
from (
    select tenant_id, date, unnest(cells) as cell, unnest(attempts) as attempts, unnest(latencies) as latency_ms from attempt_day
) d
join attempt_cell c on c.id = d.cell;

create view match_reason_daily as
select d.tenant_id, d.date, c.gateway, c.funnel_id, c.campaign, c.matched, c.outcome, d.conversions
from (select tenant_id, date, unnest(cells) as cell, unnest(conversions) as conversions from match_reason_day) d
join match_reason_cell c on c.id = d.cell;

-- ---- the views of before, over the sums of a day where there are some ----

create view v_dispatch_summary as
select d.tenant_id, g.gateway::varchar as gateway, s.status::varchar as status, d.date as day, s.conversions::bigint as conversions
from conversion_day d
cross join lateral jsonb_each(d.by_status) g(gateway, statuses)
cross join lateral jsonb_each_text(g.statuses) s(status, conversions);

create view v_match_rate_by_tenant as
select
    tenant_id,
    date as day,
    genuine as conversions,
    matched,
    unmatched,
    round(100.0 * matched / nullif(matched + unmatched, 0), 2) as match_rate,
    by_gateway,
    by_rule,
    revenue_matched,
    revenue_unmatched
from conversion_day
where genuine <> 0;

create view v_match_rate_daily as
select
    tenant_id,
    date as day,
    gateway,
    match as rule,
    currency,
    sum(conversions)::bigint as conversions,
    coalesce(sum(amount) filter (where state in ('approved', 'refund_requested')), 0) as revenue
from conversion_daily
where kind <> 'test' and match <> 'undecided'
group by tenant_id, date, gateway, match, currency;

create view v_unmatched_reasons as
select
    tenant_id,
    date as day,
    gateway,
    nullif(funnel_id, '') as funnel_id,
    nullif(campaign, '') as campaign,
    outcome as cause,
    conversions,
    round(100 * conversions / nullif(sum(conversions) over (partition by tenant_id, date), 0), 2) as share_of_day
from match_reason_daily
where not matched;

-- By currency, because amounts are never added across currencies.
create view v_revenue_daily as
select
    tenant_id,
    date as day,
    gateway,
    currency,
    coalesce(sum(conversions) filter (where state in ('approved', 'refund_requested')), 0)::bigint as paid_conversions,
    coalesce(sum(amount) filter (where state in ('approved', 'refund_requested')), 0) as revenue,
    coalesce(sum(amount) filter (where state in ('refunded', 'charged_back')), 0) as reversed
from conversion_daily
group by tenant_id, date, gateway, currency;

create view v_dispatch_ledger as
select
    tenant_id,
    date,
    sum(conversions)::bigint as received,
    coalesce(sum(conversions) filter (where status = 'sent'), 0)::bigint as sent,
    coalesce(sum(conversions) filter (where status = 'skipped'), 0)::bigint as skipped,
    coalesce(sum(conversions) filter (where status = 'dead'), 0)::bigint as dead,
    coalesce(sum(conversions) filter (where status in ('waiting', 'failed')), 0)::bigint as waiting,
    coalesce(jsonb_object_agg(reason, conversions) filter (where status = 'skipped'), '{}') as skipped_reasons,
    coalesce(jsonb_object_agg(reason, conversions) filter (where status = 'dead'), '{}') as dead_reasons
from (
    select tenant_id, date, dispatch_status as status, dispatch_reason as reason, sum(conversions)::bigint as conversions
    from conversion_daily
    group by tenant_id, date, dispatch_status, dispatch_reason
) cells
group by tenant_id, date;

create view analytics_metrics_daily as
select
    tenant_id,
    date,
    coalesce(sum(total), 0)::bigint as total_events,
    coalesce(sum(sent), 0)::bigint as dispatch_success,
    coalesce(sum(failed), 0)::bigint as dispatch_failed,
    coalesce(sum(skipped), 0)::bigint as dispatch_skipped,
    coalesce(sum(dead), 0)::bigint as dispatch_dead,
    coalesce(sum(waiting), 0)::bigint as dispatch_waiting,
    coalesce(sum(matched), 0)::bigint as matched,
    coalesce(sum(unmatched), 0)::bigint as unmatched,
    round(100.0 * coalesce(sum(matched), 0) / nullif(coalesce(sum(matched), 0) + coalesce(sum(unmatched), 0), 0), 2) as match_rate,
    coalesce(sum(clicks), 0)::bigint as clicks,
    coalesce(sum(pageviews), 0)::bigint as pageviews,
    coalesce(sum(checkouts), 0)::bigint as checkouts,
    -- Of the one row that has it.
    coalesce((array_agg(revenue) filter (where revenue is not null))[1], '{}') as revenue,
    coalesce((array_agg(reversed) filter (where reversed is not null))[1], '{}') as reversed,
    coalesce(sum(attempts), 0)::bigint as attempts,
    max(latency_avg_ms) as latency_avg_ms,
    max(latency_p95_ms) as latency_p95_ms
from (
    select
        tenant_id, date, total, sent, failed, skipped, dead, waiting, matched, unmatched, revenue, reversed,
        null::bigint as clicks, null::bigint as pageviews, null::bigint as checkouts,
        null::bigint as attempts, null::numeric as latency_avg_ms, null::numeric as latency_p95_ms
    from conversion_day
    union all
    select
        tenant_id, date, null, null, null, null, null, null, null, null, null, null, clicks, pageviews, checkouts, null, null, null
    from visits_daily
    union all
    select
        tenant_id, date, null, null, null, null, null, null, null, null, null, null, null, null, null, total, latency_avg_ms, latency_p95_ms
    from attempt_day
) days
group by tenant_id, date
having sum(total) <> 0 or sum(attempts) <> 0 or sum(clicks) + sum(pageviews) + sum(checkouts) <> 0;
