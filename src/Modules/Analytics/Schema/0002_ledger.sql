-- Each conversion is in one cell of conversion_daily, so these figures add up whatever happens; 'verify' counts the log anew and compares.
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
    having sum(conversions) <> 0
) cells
group by tenant_id, date;
