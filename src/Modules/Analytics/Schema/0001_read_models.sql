-- Read models, all built from the log: docs/read-models.md says what each column means. Whatever names a person is not in here.

-- ---- projection Visits ----

create table visits_tenant (
    tenant_id   varchar primary key,
    time_zone   varchar not null
);

create table click (
    tenant_id       varchar     not null,
    click_id        varchar     not null,
    occurred_at     timestamptz not null,
    date            date        not null,
    utm_source      varchar,
    utm_medium      varchar,
    utm_campaign    varchar,
    utm_content     varchar,
    utm_term        varchar,
    src             varchar,
    sck             varchar,
    xcod            varchar,
    has_fbclid      boolean     not null,
    has_fbc         boolean     not null,
    has_fbp         boolean     not null,
    has_email       boolean     not null,
    has_phone       boolean     not null,
    has_external_id boolean     not null,
    primary key (tenant_id, click_id)
);

create table pageview (
    tenant_id       varchar     not null,
    pageview_id     uuid        not null,
    click_id        varchar,
    product_id      varchar,
    amount          numeric,
    currency        varchar,
    occurred_at     timestamptz not null,
    date            date        not null,
    utm_source      varchar,
    utm_medium      varchar,
    utm_campaign    varchar,
    utm_content     varchar,
    utm_term        varchar,
    src             varchar,
    sck             varchar,
    xcod            varchar,
    has_fbclid      boolean     not null,
    has_fbc         boolean     not null,
    has_fbp         boolean     not null,
    has_email       boolean     not null,
    has_phone       boolean     not null,
    has_external_id boolean     not null,
    primary key (tenant_id, pageview_id)
);

create table checkout (
    tenant_id       varchar     not null,
    checkout_id     uuid        not null,
    click_id        varchar,
    product_id      varchar,
    amount          numeric,
    currency        varchar,
    occurred_at     timestamptz not null,
    date            date        not null,
    utm_source      varchar,
    utm_medium      varchar,
    utm_campaign    varchar,
    utm_content     varchar,
    utm_term        varchar,
    src             varchar,
    sck             varchar,
    xcod            varchar,
    has_fbclid      boolean     not null,
    has_fbc         boolean     not null,
    has_fbp         boolean     not null,
    has_email       boolean     not null,
    has_phone       boolean     not null,
    has_external_id boolean     not null,
    primary key (tenant_id, checkout_id)
);

create table visits_daily (
    tenant_id   varchar not null,
    date        date    not null,
    clicks      bigint  not null default 0,
    pageviews   bigint  not null default 0,
    checkouts   bigint  not null default 0,
    primary key (tenant_id, date)
);

-- ---- projection DispatchSummary: how many conversions and attempts there are of each kind, a day ----

-- The zone a tenant's days are in: the default where it has none, or one that this server does not know.
create function analytics_zone(name varchar) returns varchar language plpgsql stable as $$
begin
    perform now() at time zone name;
    return coalesce(name, 'America/Sao_Paulo');
exception when invalid_parameter_value then
    return 'America/Sao_Paulo';
end
$$;

-- Every conversion is in exactly one cell, and moves when it changes: all figures of conversions are sums over this.
create table conversion_daily (
    tenant_id       varchar not null,
    date            date    not null,
    gateway         varchar not null,
    kind            varchar not null,
    state           varchar not null,
    currency        varchar not null,
    match           varchar not null,
    dispatch_status varchar not null,
    dispatch_reason varchar not null,
    conversions     bigint  not null,
    amount          numeric not null,
    primary key (tenant_id, date, gateway, kind, state, currency, match, dispatch_status, dispatch_reason)
);

create table dispatch_attempt_daily (
    tenant_id       varchar not null,
    date            date    not null,
    gateway         varchar not null,
    status          varchar not null,
    reason          varchar not null,
    latency_bucket  int     not null,
    attempts        bigint  not null,
    latency_ms      numeric not null,
    primary key (tenant_id, date, gateway, status, reason, latency_bucket)
);

-- ---- projection ConversionStatus: where each conversion and each dispatch stands ----

create table conversion_status_tenant (
    tenant_id   varchar primary key,
    time_zone   varchar not null
);

create table conversion_status (
    tenant_id           varchar     not null,
    conversion_id       varchar     not null,
    gateway             varchar     not null,
    kind                varchar     not null,
    state               varchar     not null,
    amount              numeric     not null,
    currency            varchar     not null,
    received_at         timestamptz not null,
    date                date        not null,
    gateway_status      varchar     not null,
    state_changed_at    timestamptz not null,
    paid_at             timestamptz,
    matched             boolean,
    match_rule          varchar,
    match_score         double precision,
    click_id            varchar,
    decided_at          timestamptz,
    dispatch_status     varchar     not null,
    dispatch_reason     varchar,
    sent_at             timestamptz,
    primary key (tenant_id, conversion_id)
);
create index conversion_latest on conversion_status (tenant_id, received_at desc, conversion_id desc);
create index conversion_latest_of_gateway on conversion_status (tenant_id, gateway, received_at desc, conversion_id desc);
-- Most are sent; the others are what people look for.
create index conversion_not_sent on conversion_status (tenant_id, dispatch_status, received_at desc, conversion_id desc)
    where dispatch_status <> 'sent';

-- One event of one conversion to one pixel. last_attempt is that row's sequence in dispatch_attempt.
create table dispatch_status (
    tenant_id       varchar     not null,
    conversion_id   varchar     not null,
    dispatch_id     varchar     not null,
    gateway         varchar     not null,
    event_name      varchar,
    pixel_id        varchar     not null,
    status          varchar     not null,
    reason          varchar,
    attempts        int         not null,
    last_attempt    bigint,
    requested_at    timestamptz,
    changed_at      timestamptz not null,
    retry_at        timestamptz,
    primary key (tenant_id, conversion_id, dispatch_id)
);
create index dispatch_dead on dispatch_status (tenant_id, changed_at desc, dispatch_id desc) where status = 'dead';

-- ---- projection Conversions: what the log says of each, added and never changed ----

create table conversion_received (
    tenant_id           varchar     not null,
    conversion_id       varchar     not null,
    order_id            varchar     not null,
    event_id            uuid        not null,
    product_id          varchar,
    occurred_at         timestamptz not null,
    utm_source          varchar,
    utm_medium          varchar,
    utm_campaign        varchar,
    utm_content         varchar,
    utm_term            varchar,
    src                 varchar,
    sck                 varchar,
    xcod                varchar,
    has_click_id        boolean     not null,
    has_fbclid          boolean     not null,
    has_fbc             boolean     not null,
    has_fbp             boolean     not null,
    has_email           boolean     not null,
    has_phone           boolean     not null,
    has_external_id     boolean     not null,
    notes               jsonb       not null,
    primary key (tenant_id, conversion_id)
);

create table match_log (
    tenant_id       varchar     not null,
    conversion_id   varchar     not null,
    sequence        bigint      not null,
    gateway         varchar     not null,
    matched         boolean     not null,
    match_rule      varchar,
    click_id        varchar,
    clicked_at      timestamptz,
    score           double precision,
    reason          varchar,
    tried           jsonb       not null,
    candidates      jsonb       not null,
    window_from     timestamptz not null,
    rule_version    int         not null,
    decided_at      timestamptz not null,
    primary key (tenant_id, conversion_id, sequence)
);

create table dispatch_attempt (
    tenant_id       varchar     not null,
    conversion_id   varchar     not null,
    sequence        bigint      not null,
    gateway         varchar     not null,
    dispatch_id     varchar     not null,
    pixel_id        varchar     not null,
    attempt         int         not null,
    status          varchar     not null,
    http_status     int,
    reason          varchar,
    code            int,
    subcode         int,
    error           varchar,
    fbtrace_id      varchar,
    latency_ms      numeric     not null,
    attempted_at    timestamptz not null,
    primary key (tenant_id, conversion_id, sequence)
);

-- ---- views over both ----

create view conversion as
select
    s.tenant_id, s.conversion_id, s.gateway, r.order_id, r.event_id, s.kind, s.state, s.amount, s.currency, r.product_id, s.click_id,
    r.occurred_at, s.received_at, s.date, s.gateway_status, s.state_changed_at, s.paid_at, s.matched, s.match_rule, s.match_score,
    s.decided_at, s.dispatch_status, s.dispatch_reason, s.sent_at,
    r.utm_source, r.utm_medium, r.utm_campaign, r.utm_content, r.utm_term, r.src, r.sck, r.xcod,
    r.has_click_id, r.has_fbclid, r.has_fbc, r.has_fbp, r.has_email, r.has_phone, r.has_external_id, r.notes
from conversion_status s
join conversion_received r on r.tenant_id = s.tenant_id and r.conversion_id = s.conversion_id;

-- With Meta's answer to the last attempt.
create view dispatch as
select
    d.tenant_id, d.conversion_id, d.dispatch_id, d.gateway, d.event_name, d.pixel_id, d.status, d.reason, d.attempts,
    a.http_status, a.code, a.subcode, a.error, a.fbtrace_id, d.requested_at, d.changed_at, d.retry_at
from dispatch_status d
left join dispatch_attempt a on a.tenant_id = d.tenant_id and a.conversion_id = d.conversion_id and a.sequence = d.last_attempt;

-- ---- views, over the daily tables only ----

create view v_dispatch_summary as
select tenant_id, gateway, dispatch_status as status, date as day, sum(conversions)::bigint as conversions
from conversion_daily
group by tenant_id, gateway, dispatch_status, date
having sum(conversions) <> 0;

-- Sales that their sender marked as tests say nothing about a shop.
create view v_match_rate_by_tenant as
select
    tenant_id,
    date as day,
    sum(conversions)::bigint as conversions,
    coalesce(sum(conversions) filter (where match not in ('undecided', 'unmatched')), 0)::bigint as matched,
    coalesce(sum(conversions) filter (where match = 'unmatched'), 0)::bigint as unmatched,
    round(
        100 * coalesce(sum(conversions) filter (where match not in ('undecided', 'unmatched')), 0)
        / nullif(sum(conversions) filter (where match <> 'undecided'), 0),
        2
    ) as match_rate
from conversion_daily
where kind <> 'test'
group by tenant_id, date
having sum(conversions) <> 0;

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
group by tenant_id, date, gateway, currency
having sum(conversions) <> 0;

create view analytics_metrics_daily as
select
    days.tenant_id,
    days.date,
    c.total_events,
    c.dispatch_success,
    c.dispatch_failed,
    c.dispatch_skipped,
    c.dispatch_dead,
    c.dispatch_waiting,
    c.matched,
    c.unmatched,
    round(100.0 * c.matched / nullif(c.matched + c.unmatched, 0), 2) as match_rate,
    v.clicks,
    v.pageviews,
    v.checkouts,
    r.revenue,
    r.reversed,
    a.attempts,
    a.latency_avg_ms,
    l.latency_p95_ms
from (
    select tenant_id, date from conversion_daily
    union
    select tenant_id, date from visits_daily
    union
    select tenant_id, date from dispatch_attempt_daily
) days
cross join lateral (
    select
        coalesce(sum(conversions), 0)::bigint as total_events,
        coalesce(sum(conversions) filter (where dispatch_status = 'sent'), 0)::bigint as dispatch_success,
        coalesce(sum(conversions) filter (where dispatch_status = 'failed'), 0)::bigint as dispatch_failed,
        coalesce(sum(conversions) filter (where dispatch_status = 'skipped'), 0)::bigint as dispatch_skipped,
        coalesce(sum(conversions) filter (where dispatch_status = 'dead'), 0)::bigint as dispatch_dead,
        coalesce(sum(conversions) filter (where dispatch_status = 'waiting'), 0)::bigint as dispatch_waiting,
        coalesce(sum(conversions) filter (where match not in ('undecided', 'unmatched') and kind <> 'test'), 0)::bigint as matched,
        coalesce(sum(conversions) filter (where match = 'unmatched' and kind <> 'test'), 0)::bigint as unmatched
    from conversion_daily
    where tenant_id = days.tenant_id and date = days.date
) c
cross join lateral (
    select
        coalesce(sum(clicks), 0)::bigint as clicks,
        coalesce(sum(pageviews), 0)::bigint as pageviews,
        coalesce(sum(checkouts), 0)::bigint as checkouts
    from visits_daily
    where tenant_id = days.tenant_id and date = days.date
) v
cross join lateral (
    select
        coalesce(jsonb_object_agg(currency, revenue) filter (where revenue <> 0), '{}') as revenue,
        coalesce(jsonb_object_agg(currency, reversed) filter (where reversed <> 0), '{}') as reversed
    from (
        select
            currency,
            coalesce(sum(amount) filter (where state in ('approved', 'refund_requested')), 0) as revenue,
            coalesce(sum(amount) filter (where state in ('refunded', 'charged_back')), 0) as reversed
        from conversion_daily
        where tenant_id = days.tenant_id and date = days.date
        group by currency
    ) by_currency
) r
cross join lateral (
    select
        coalesce(sum(attempts), 0)::bigint as attempts,
        round(
            sum(latency_ms) filter (where latency_bucket >= 0) / nullif(sum(attempts) filter (where latency_bucket >= 0), 0),
            3
        ) as latency_avg_ms
    from dispatch_attempt_daily
    where tenant_id = days.tenant_id and date = days.date
) a
cross join lateral (
    -- The first bucket that 95 of 100 answers do not exceed.
    select round(power(1.2, min(latency_bucket)), 3) as latency_p95_ms
    from (
        select
            latency_bucket,
            sum(sum(attempts)) over (order by latency_bucket) as up_to_here,
            sum(sum(attempts)) over () as of_all
        from dispatch_attempt_daily
        where tenant_id = days.tenant_id and date = days.date and latency_bucket >= 0
        group by latency_bucket
    ) buckets
    where up_to_here >= 0.95 * of_all
) l
where c.total_events <> 0 or a.attempts <> 0 or v.clicks + v.pageviews + v.checkouts <> 0;
