using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Analytics.Projections;

/// <summary>
/// The statements of <see cref="DispatchSummaryProjection"/>: $1 = after this position, $2 = up to this one, $3 = positions that were skipped by command.
/// The rules are those of <see cref="StatusFold"/>; a test holds the figures against a count of its rows.
/// </summary>
internal static class SummarySql
{
    // Types of events, those of a dispatch last.
    private const string Received = "1";
    private const string Changed = "2";
    private const string Matched = "3";
    private const string Unmatched = "4";
    private const string Skipped = "5";
    private const string Dispatches = Requested;
    private const string Requested = "6";
    private const string Succeeded = "7";
    private const string Failed = "8";
    private const string Dead = "9";

    private const string Renewal = nameof(ConversionKind.Renewal);
    private const string Approved = nameof(PaymentState.Approved);

    /// <summary>
    /// Nothing is known of how much a step of <see cref="Moves"/> leaves to the next: it is joined by hashing, where a wrong guess costs nothing. Nested
    /// loops and merges over one tenant compared each conversion of a page with each: 190 ms for 1,200 events, and 35 ms now.
    /// </summary>
    public const string Hashing =
        "select set_config('enable_nestloop', 'off', true), set_config('enable_mergejoin', 'off', true), set_config('enable_sort', 'off', true)";

    /// <summary>Of all that is read in one go: hashed in memory.</summary>
    public const string HashingMuch = Hashing + ", set_config('work_mem', '128MB', true)";

    /// <summary>
    /// How many conversions, and how much money, each cell gains or loses. A conversion's events are folded in two steps. First to parts, which can be
    /// put together again: one of the conversion itself, one of each dispatch (d…) and of each event's skips (s…). "Last" is the largest of the
    /// values with the version in front. Then the parts to where the conversion stands, after the stretch (side 1) and before it (side 0).
    /// </summary>
    public static readonly string Moves = $"""
        with fresh as materialized ({Parts("e.seq_id > $1 and e.seq_id <= $2")}),
        -- Conversions that began before the stretch: what they were.
        begun as materialized (
            select tenant_id, stream_id, min(starts) as starts from fresh group by 1, 2 having min(starts) > 1
        ),
        older as materialized (
            select o.* from begun b cross join lateral (
                {Parts("e.tenant_id = b.tenant_id and e.stream_id = b.stream_id and e.version < b.starts")}
            ) o
        ),
        parts as materialized (
            select 1 as side, f.* from fresh f
            where not exists (select from begun b where b.tenant_id = f.tenant_id and b.stream_id = f.stream_id)
            union all
            select
                side, tenant_id, stream_id, part, min(starts), sum(events), max(gateway), max(kind), max(received_at), bool_or(sent), bool_or(approved),
                max(state), max(value), max(match), max(event_name)
            from (
                select 1 as side, f.* from fresh f
                where exists (select from begun b where b.tenant_id = f.tenant_id and b.stream_id = f.stream_id)
                union all select 1, o.* from older o
                union all select 0, o.* from older o
            ) again
            group by 1, 2, 3, 4
        ),
        conversions as materialized (
            select
                side, tenant_id, stream_id, gateway, kind, received_at, approved, substr(state, 11) as state, split_part(substr(value, 11), ' ', 1) as currency,
                    split_part(substr(value, 11), ' ', 2)::numeric as amount,
                coalesce(split_part(substr(match, 11), chr(31), 1), 'undecided') as match, coalesce(split_part(match, chr(31), 2), '') as funnel_id
            from parts where part = '' and gateway is not null
        ),
        skips as materialized (select side, tenant_id, stream_id, substr(part, 2) as event_name, state from parts where part like 's%'),
        -- An InitiateCheckout of a pix that nobody has paid yet is not the sale. A renewal goes by the name its funnel gives it.
        dispatches as (
            select
                d.side, d.tenant_id, d.stream_id, d.part,
                case
                    when d.sent then 'sent '
                    when k.state > d.state and (d.state like '%waiting %' or d.state like '%failed %') then 'skipped ' || substr(k.state, 11)
                    else substr(d.state, 11)
                end as standing
            from parts d
            join conversions c on c.side = d.side and c.tenant_id = d.tenant_id and c.stream_id = d.stream_id
            left join skips k on k.side = d.side and k.tenant_id = d.tenant_id and k.stream_id = d.stream_id and k.event_name = substr(d.event_name, 11)
            where d.part like 'd%' and (d.event_name is null or substr(d.event_name, 11) = 'Purchase' or c.kind = '{Renewal}')
        ),
        -- Of several pixels the one that still needs something speaks for the conversion.
        speaking as (
            select
                side, tenant_id, stream_id,
                min((100 + strpos('waiting failed dead sent skipped', split_part(standing, ' ', 1)))::text || part || chr(31) || standing collate "C") as standing
            from dispatches
            group by 1, 2, 3
        ),
        skipped as (
            select k.side, k.tenant_id, k.stream_id, max(k.state) as state
            from skips k join conversions c on c.side = k.side and c.tenant_id = k.tenant_id and c.stream_id = k.stream_id
            where k.event_name = 'Purchase' or c.kind = '{Renewal}'
            group by 1, 2, 3
        ),
        zones as materialized (
            select t.tenant_id, public.analytics_zone((
                select e.data ->> 'timeZone' from {ISetProjection.Log} e
                where e.tenant_id = t.tenant_id and e.stream_id = '{Streams.Tenant("")}' || t.tenant_id and e.type = 'tenant_added' limit 1
            )) as zone
            from (select distinct tenant_id from conversions) t
        )
        select
            c.tenant_id, (c.received_at at time zone z.zone)::date, c.gateway, c.funnel_id, c.kind, c.state, c.currency, c.match,
            case
                when s.standing is not null then split_part(split_part(s.standing, chr(31), 2), ' ', 1)
                when k.state is not null then 'skipped'
                else 'waiting'
            end,
            case
                when s.standing is not null then substr(split_part(s.standing, chr(31), 2), strpos(split_part(s.standing, chr(31), 2), ' ') + 1)
                when k.state is not null then substr(k.state, 11)
                when c.approved then ''
                else 'not_approved'
            end,
            sum(case c.side when 1 then 1 else -1 end), sum(case c.side when 1 then 1 else -1 end * c.amount),
            (select sum(events) from fresh)::bigint
        from conversions c
        join zones z on z.tenant_id = c.tenant_id
        left join speaking s on s.side = c.side and s.tenant_id = c.tenant_id and s.stream_id = c.stream_id
        left join skipped k on k.side = c.side and k.tenant_id = c.tenant_id and k.stream_id = c.stream_id
        group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
        having sum(case c.side when 1 then 1 else -1 end) <> 0
            or sum(case c.side when 1 then 1 else -1 end * c.amount) <> 0
        """;

    /// <summary>Single tries. Latency is counted in buckets, the smallest n with latency ≤ 1.2ⁿ ms; −1 where Meta gave no answer.</summary>
    public const string Attempts = $"""
        with attempts as materialized (
            select
                e.tenant_id,
                e.data ->> 'gateway' as gateway,
                case e.type when 'dispatch_succeeded' then 'sent' when 'dispatch_failed' then 'failed' else 'dead' end as status,
                case e.type when 'dispatch_succeeded' then '' when 'dispatch_failed' then e.data ->> 'errorClass' else e.data ->> 'reason' end as reason,
                (e.data ->> 'httpStatus') is not null as answered,
                least(greatest((e.data ->> 'latencyMs')::float8, 0), 1e9) as latency,
                (e.data ->> 'attemptedAt')::timestamptz as attempted_at
            from {ISetProjection.Log} e
            where e.seq_id > $1 and e.seq_id <= $2 and e.is_archived = false and e.seq_id <> all ($3)
              and e.type in ('dispatch_succeeded', 'dispatch_failed', 'dispatch_dead_lettered')
        ),
        zones as materialized (
            select t.tenant_id, public.analytics_zone((
                select e.data ->> 'timeZone' from {ISetProjection.Log} e
                where e.tenant_id = t.tenant_id and e.stream_id = 'tenant-' || t.tenant_id and e.type = 'tenant_added' limit 1
            )) as zone
            from (select distinct tenant_id from attempts) t
        )
        select
            a.tenant_id, (a.attempted_at at time zone z.zone)::date, a.gateway, a.status, a.reason,
            case when not a.answered then -1 when a.latency <= 1 then 0 else ceil(ln(a.latency) / ln(1.2::float8)) end::int,
            count(*), trim_scale(sum(round(a.latency * 1000)::bigint) / 1000)
        from attempts a join zones z on z.tenant_id = a.tenant_id
        group by 1, 2, 3, 4, 5, 6
        """;

    // The type is compared once a row; the rest compares numbers.
    private static string Parts(string which) =>
        $"""
            select
                e.tenant_id, e.stream_id, e.part, min(e.version) as starts, count(*) as events,
                max(e.gateway) as gateway, max(e.kind) as kind, max(e.received_at) as received_at,
                bool_or(e.is = {Succeeded}) as sent, bool_or(e.state = '{Approved}') as approved, max(e.v || e.state) as state,
                max(e.v || e.value) filter (where e.version = 1 or e.state = '{Approved}') as value,
                max(e.v || e.match) as match, max(e.v || e.event_name) as event_name
            from (
                select
                    e.tenant_id, e.stream_id, e.version, (1000000000 + e.version)::text as v, e.is,
                    case when e.is >= {Dispatches} then 'd' || (e.data ->> 'dispatchId') when e.is = {Skipped} then 's' || (e.data ->> 'eventName') else '' end as part,
                    case when e.is = {Received} and e.version = 1 then e.data ->> 'gateway' end as gateway,
                    case when e.is = {Received} and e.version = 1 then e.data ->> 'kind' end as kind,
                    case when e.is = {Received} and e.version = 1 then (e.data ->> 'receivedAt')::timestamptz end as received_at,
                    case e.is
                        when {Received} then e.data ->> 'state'
                        when {Changed} then e.data ->> 'to'
                        when {Requested} then 'waiting '
                        when {Failed} then 'failed ' || (e.data ->> 'errorClass')
                        when {Dead} then 'dead ' || (e.data ->> 'reason')
                        when {Skipped} then e.data ->> 'reason'
                    end as state,
                    case when e.is <= {Changed} then (e.data -> 'value' ->> 'currency') || ' ' || (e.data -> 'value' ->> 'amount') end as value,
                    case when e.is in ({Matched}, {Unmatched}) then
                        case e.is when {Matched} then e.data ->> 'rule' else 'unmatched' end || chr(31) || coalesce(e.data ->> 'funnelId', '')
                    end as match,
                    case when e.is = {Requested} then e.data ->> 'eventName' end as event_name
                from (
                    select
                        e.tenant_id, e.stream_id, e.version, e.data,
                        case e.type
                            when 'conversion_received' then {Received}
                            when 'dispatch_requested' then {Requested}
                            when 'dispatch_succeeded' then {Succeeded}
                            when 'conversion_matched' then {Matched}
                            when 'conversion_unmatched' then {Unmatched}
                            when 'conversion_state_changed' then {Changed}
                            when 'dispatch_skipped' then {Skipped}
                            when 'dispatch_failed' then {Failed}
                            when 'dispatch_dead_lettered' then {Dead}
                            when 'dispatch_redriven' then {Requested}
                        end as is
                    from {ISetProjection.Log} e
                    where {which} and e.is_archived = false and e.seq_id <> all ($3) and e.type in (
                        'conversion_received', 'conversion_state_changed', 'conversion_matched', 'conversion_unmatched', 'dispatch_requested',
                        'dispatch_skipped', 'dispatch_succeeded', 'dispatch_failed', 'dispatch_dead_lettered', 'dispatch_redriven'
                    )
                    offset 0
                ) e
            ) e
            group by 1, 2, 3
            """;
}
