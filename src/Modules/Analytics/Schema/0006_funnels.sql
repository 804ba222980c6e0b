-- The funnel a sale is routed by, as of the decision about its click: none ('' or null) before that, and of what belongs to no funnel.
alter table conversion_daily add column funnel_id varchar not null default '';
alter table conversion_daily drop constraint conversion_daily_pkey;
alter table conversion_daily
    add primary key (tenant_id, date, gateway, funnel_id, kind, state, currency, match, dispatch_status, dispatch_reason);

alter table conversion_status add column funnel_id varchar;
create index conversion_latest_of_funnel on conversion_status (tenant_id, funnel_id, received_at desc, conversion_id desc)
    where funnel_id is not null;

create or replace view conversion as
select
    s.tenant_id, s.conversion_id, s.gateway, r.order_id, r.event_id, s.kind, s.state, s.amount, s.currency, r.product_id, s.click_id,
    r.occurred_at, s.received_at, s.date, s.gateway_status, s.state_changed_at, s.paid_at, s.matched, s.match_rule, s.match_score,
    s.decided_at, s.dispatch_status, s.dispatch_reason, s.sent_at,
    r.utm_source, r.utm_medium, r.utm_campaign, r.utm_content, r.utm_term, r.src, r.sck, r.xcod,
    r.has_click_id, r.has_fbclid, r.has_fbc, r.has_fbp, r.has_email, r.has_phone, r.has_external_id, r.notes, s.funnel_id
from conversion_status s
join conversion_received r on r.tenant_id = s.tenant_id and r.conversion_id = s.conversion_id;
