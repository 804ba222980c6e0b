using Npgsql;
using NpgsqlTypes;
using TrackAi.EventStore;

namespace TrackAi.Analytics.Projections;

/// <summary>
/// Builds where every conversion and every dispatch stands. Two round trips a page: what the page's conversions were, and what they are now.
/// </summary>
internal sealed class ConversionStatusProjection() : MemberProjection<StatusFact>(StatusReader.Rows)
{
    private const string Zones = "conversion_status_tenant";

    public override string Name => "ConversionStatus";

    // 2: with the funnel. 3: amounts rounded.
    public override int Version => 3;

    public override IReadOnlyList<string> Tables { get; } = [Zones, "conversion_status", "dispatch_status"];

    protected override async Task ApplyAsync(
        IReadOnlyList<StatusFact> facts,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        var (fold, days) = await ReadAsync(facts, connection, cancellationToken);
        var tenants = facts.OfType<TenantSeen>().ToArray();
        foreach (var tenant in tenants)
            days.Learn(tenant.TenantId, tenant.TimeZone);
        foreach (var fact in facts.OfType<ConversionFact>())
            fold.Apply(fact);
        await WriteAsync(fold, days, tenants, connection, cancellationToken);
    }

    private static async Task<(StatusFold Fold, TenantDays Days)> ReadAsync(
        IReadOnlyList<StatusFact> facts,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        var keys = facts.OfType<ConversionFact>().Select(fact => fact.Key).Distinct().ToArray();
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                // Each key is to be one look-up, also while the tables have grown and their statistics have not. For this transaction only.
                new(
                    "select set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)"
                ),
                TenantDays.Select(Zones, facts.Select(fact => fact.TenantId)),
                Of(
                    keys,
                    """
                    select
                        c.tenant_id, c.conversion_id, c.received_at, c.gateway, c.kind, c.state, c.amount, c.currency, c.gateway_status,
                        c.state_changed_at, c.paid_at, c.matched, c.match_rule, c.match_score, c.click_id, c.decided_at, c.dispatch_status,
                        c.dispatch_reason, c.sent_at, c.funnel_id
                    from unnest($1, $2) k(tenant_id, conversion_id)
                    join conversion_status c on c.tenant_id = k.tenant_id and c.conversion_id = k.conversion_id
                    """
                ),
                Of(
                    keys,
                    """
                    select
                        d.tenant_id, d.conversion_id, d.dispatch_id, d.gateway, d.event_name, d.pixel_id, d.status, d.reason, d.attempts,
                        d.last_attempt, d.requested_at, d.changed_at, d.retry_at
                    from unnest($1, $2) k(tenant_id, conversion_id)
                    join dispatch_status d on d.tenant_id = k.tenant_id and d.conversion_id = k.conversion_id
                    """
                ),
            },
        };

        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        var days = await TenantDays.ReadAsync(reader, cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        var fold = new StatusFold();
        await KnowConversionsAsync(fold, reader, cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        await KnowDispatchesAsync(fold, reader, cancellationToken);
        return (fold, days);
    }

    private static async Task KnowConversionsAsync(StatusFold fold, NpgsqlDataReader row, CancellationToken cancellationToken)
    {
        while (await row.ReadAsync(cancellationToken))
            fold.Of(new(row.GetString(0), row.GetString(1)), out _)
                .Know(
                    new ConversionState(
                        row.GetFieldValue<DateTimeOffset>(2),
                        row.GetString(3),
                        row.GetString(4),
                        row.GetString(5),
                        row.GetDecimal(6),
                        row.GetString(7),
                        row.GetString(8),
                        row.GetFieldValue<DateTimeOffset>(9),
                        row.ValueOrNull<DateTimeOffset>(10),
                        row.ValueOrNull<bool>(11),
                        row.TextOrNull(12),
                        row.ValueOrNull<double>(13),
                        row.TextOrNull(14),
                        row.ValueOrNull<DateTimeOffset>(15),
                        row.GetString(16),
                        row.TextOrNull(17),
                        row.ValueOrNull<DateTimeOffset>(18),
                        row.TextOrNull(19)
                    )
                );
    }

    private static async Task KnowDispatchesAsync(StatusFold fold, NpgsqlDataReader row, CancellationToken cancellationToken)
    {
        while (await row.ReadAsync(cancellationToken))
            fold.Of(new(row.GetString(0), row.GetString(1)), out _)
                .Know(
                    row.GetString(2),
                    new DispatchState(
                        row.GetString(3),
                        row.TextOrNull(4),
                        row.GetString(5),
                        row.GetString(6),
                        row.TextOrNull(7),
                        row.GetInt32(8),
                        row.ValueOrNull<long>(9),
                        row.ValueOrNull<DateTimeOffset>(10),
                        row.GetFieldValue<DateTimeOffset>(11),
                        row.ValueOrNull<DateTimeOffset>(12)
                    )
                );
    }

    private static async Task WriteAsync(
        StatusFold fold,
        TenantDays days,
        IReadOnlyCollection<TenantSeen> tenants,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        var conversions = fold
            .Standings.Where(one => one.Value.Now is not null && one.Value.Now != one.Value.Before)
            .ToLookup(one => one.Value.Before is null);
        var dispatches = fold
            .Standings.SelectMany(one => one.Value.Dispatches.Select(dispatch => (one.Key, Dispatch: dispatch)))
            .Where(one => one.Dispatch.Now != one.Dispatch.Before)
            .ToLookup(one => one.Dispatch.Before is null);
        await using var batch = new NpgsqlBatch(connection);
        TenantDays.Write(Zones, tenants.Select(tenant => (tenant.TenantId, tenant.TimeZone)), batch);
        Conversions(conversions[true], days).InsertTo(batch, "conversion_status");
        Conversions(conversions[false], days)
            .WriteTo(
                batch,
                rows =>
                    $"""
                        update conversion_status c set
                            state = n.state, amount = n.amount, currency = n.currency, gateway_status = n.gateway_status,
                            state_changed_at = n.state_changed_at, paid_at = n.paid_at, matched = n.matched, match_rule = n.match_rule,
                            match_score = n.match_score, click_id = n.click_id, decided_at = n.decided_at,
                            dispatch_status = n.dispatch_status, dispatch_reason = n.dispatch_reason, sent_at = n.sent_at,
                            funnel_id = n.funnel_id
                        from {rows.Unnest} n({rows.Names})
                        where c.tenant_id = n.tenant_id and c.conversion_id = n.conversion_id
                        """
            );
        Dispatches(dispatches[true]).InsertTo(batch, "dispatch_status");
        Dispatches(dispatches[false])
            .WriteTo(
                batch,
                rows =>
                    $"""
                        update dispatch_status d set
                            status = n.status, reason = n.reason, attempts = n.attempts, last_attempt = n.last_attempt,
                            event_name = n.event_name, requested_at = n.requested_at, changed_at = n.changed_at, retry_at = n.retry_at
                        from {rows.Unnest} n({rows.Names})
                        where d.tenant_id = n.tenant_id and d.conversion_id = n.conversion_id and d.dispatch_id = n.dispatch_id
                        """
            );
        if (batch.BatchCommands.Count > 0)
            await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    private static Rows<KeyValuePair<ConversionKey, Standing>> Conversions(
        IEnumerable<KeyValuePair<ConversionKey, Standing>> conversions,
        TenantDays days
    ) =>
        new Rows<KeyValuePair<ConversionKey, Standing>>([.. conversions])
            .Text("tenant_id", row => row.Key.TenantId)
            .Text("conversion_id", row => row.Key.ConversionId)
            .Text("gateway", row => row.Value.Now!.Gateway)
            .Text("kind", row => row.Value.Now!.Kind)
            .Text("state", row => row.Value.Now!.State)
            .Number("amount", row => row.Value.Now!.Amount)
            .Text("currency", row => row.Value.Now!.Currency)
            .Time("received_at", row => row.Value.Now!.ReceivedAt)
            .Date("date", row => days.DayOf(row.Key.TenantId, row.Value.Now!.ReceivedAt))
            .Text("gateway_status", row => row.Value.Now!.GatewayStatus)
            .Time("state_changed_at", row => row.Value.Now!.StateChangedAt)
            .Time("paid_at", row => row.Value.Now!.PaidAt)
            .Bool("matched", row => row.Value.Now!.Matched)
            .Text("match_rule", row => row.Value.Now!.MatchRule)
            .Real("match_score", row => row.Value.Now!.MatchScore)
            .Text("click_id", row => row.Value.Now!.ClickId)
            .Time("decided_at", row => row.Value.Now!.DecidedAt)
            .Text("dispatch_status", row => row.Value.Now!.DispatchStatus)
            .Text("dispatch_reason", row => row.Value.Now!.DispatchReason)
            .Time("sent_at", row => row.Value.Now!.SentAt)
            .Text("funnel_id", row => row.Value.Now!.FunnelId);

    private static Rows<(ConversionKey Key, DispatchStanding Dispatch)> Dispatches(
        IEnumerable<(ConversionKey Key, DispatchStanding Dispatch)> dispatches
    ) =>
        new Rows<(ConversionKey Key, DispatchStanding Dispatch)>([.. dispatches])
            .Text("tenant_id", row => row.Key.TenantId)
            .Text("conversion_id", row => row.Key.ConversionId)
            .Text("dispatch_id", row => row.Dispatch.Id)
            .Text("gateway", row => row.Dispatch.Now!.Gateway)
            .Text("event_name", row => row.Dispatch.Now!.EventName)
            .Text("pixel_id", row => row.Dispatch.Now!.PixelId)
            .Text("status", row => row.Dispatch.Now!.Status)
            .Text("reason", row => row.Dispatch.Now!.Reason)
            .Int("attempts", row => row.Dispatch.Now!.Attempts)
            .Long("last_attempt", row => row.Dispatch.Now!.LastAttempt)
            .Time("requested_at", row => row.Dispatch.Now!.RequestedAt)
            .Time("changed_at", row => row.Dispatch.Now!.ChangedAt)
            .Time("retry_at", row => row.Dispatch.Now!.RetryAt);

    private static NpgsqlBatchCommand Of(IReadOnlyCollection<ConversionKey> keys, string sql) =>
        new(sql) { Parameters = { Varchars(keys.Select(key => key.TenantId)), Varchars(keys.Select(key => key.ConversionId)) } };

    private static NpgsqlParameter Varchars(IEnumerable<string> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar };
}
