-- What a decision says beside its winner. Null of what an earlier version decided.
alter table match_log add column funnel_id varchar;
alter table match_log add column utm_campaign varchar;
alter table match_log add column cause varchar;
alter table match_log add column missing jsonb;
alter table match_log add column probabilistic boolean not null default false;
alter table match_log add column first_click_id varchar;
alter table match_log add column first_clicked_at timestamptz;
alter table match_log add column last_click_id varchar;
alter table match_log add column last_clicked_at timestamptz;
alter table match_log add column reopened_by varchar;
alter table match_log add column explanation varchar;

-- ---- projection MatchReasons: by what sales are joined to clicks, and why they are not ----

create table match_reason_tenant (
    tenant_id   varchar primary key,
    time_zone   varchar not null
);

-- The latest decision about each sale.
create table match_reason_status (
    tenant_id       varchar not null,
    conversion_id   varchar not null,
    date            date    not null,
    gateway         varchar not null,
    funnel_id       varchar not null,
    campaign        varchar not null,
    matched         boolean not null,
    outcome         varchar not null,
    primary key (tenant_id, conversion_id)
);

create table match_reason_daily (
    tenant_id   varchar not null,
    date        date    not null,
    gateway     varchar not null,
    funnel_id   varchar not null,
    campaign    varchar not null,
    matched     boolean not null,
    outcome     varchar not null,
    conversions bigint  not null,
    primary key (tenant_id, date, gateway, funnel_id, campaign, matched, outcome)
);

-- Daily, by gateway and rule. Revenue is of what is paid, in one currency a row: amounts are never added across currencies.
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
group by tenant_id, date, gateway, match, currency
having sum(conversions) <> 0;

-- As before, and the same by gateway and rule beside: a row is still a tenant's day.
create or replace view v_match_rate_by_tenant as
select
    d.tenant_id,
    d.day,
    d.conversions,
    d.matched,
    d.unmatched,
    d.match_rate,
    g.by_gateway,
    r.by_rule,
    v.revenue_matched,
    v.revenue_unmatched
from (
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
    having sum(conversions) <> 0
) d
cross join lateral (
    select coalesce(jsonb_object_agg(gateway, rate) filter (where rate is not null), '{}') as by_gateway
    from (
        select gateway, round(100 * coalesce(sum(conversions) filter (where match <> 'unmatched'), 0) / nullif(sum(conversions), 0), 2) as rate
        from conversion_daily
        where tenant_id = d.tenant_id and date = d.day and kind <> 'test' and match <> 'undecided'
        group by gateway
    ) one
) g
cross join lateral (
    select coalesce(jsonb_object_agg(match, conversions) filter (where conversions <> 0), '{}') as by_rule
    from (
        select match, sum(conversions)::bigint as conversions
        from conversion_daily
        where tenant_id = d.tenant_id and date = d.day and kind <> 'test' and match not in ('undecided', 'unmatched')
        group by match
    ) one
) r
cross join lateral (
    select
        coalesce(jsonb_object_agg(currency, matched) filter (where matched <> 0), '{}') as revenue_matched,
        coalesce(jsonb_object_agg(currency, unmatched) filter (where unmatched <> 0), '{}') as revenue_unmatched
    from (
        select
            currency,
            coalesce(sum(amount) filter (where match not in ('undecided', 'unmatched')), 0) as matched,
            coalesce(sum(amount) filter (where match = 'unmatched'), 0) as unmatched
        from conversion_daily
        where tenant_id = d.tenant_id and date = d.day and kind <> 'test' and state in ('approved', 'refund_requested')
        group by currency
    ) one
) v;

-- Why sales are unmatched, the most frequent cause of a day with the largest share.
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
where not matched and conversions <> 0;
