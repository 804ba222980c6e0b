using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Analytics.Projections;

/// <summary>
/// Builds where every conversion and every dispatch stands. Two round trips a page: what the page's conversions were, and what they are now.
/// </summary>
internal sealed class ConversionStatusProjection : MemberProjection<StatusFact>
{
    private const string Zones = "conversion_status_tenant";

    private static readonly EventMemberSet Asked = new();
    private static readonly EventMember Slug = Asked.Add("slug");
    private static readonly EventMember TimeZone = Asked.Add("timeZone");
    private static readonly EventMember ConversionId = Asked.Add("conversionId");
    private static readonly EventMember Gateway = Asked.Add("gateway");
    private static readonly EventMember Kind = Asked.Add("kind");
    private static readonly EventMember State = Asked.Add("state");
    private static readonly EventMember To = Asked.Add("to");
    private static readonly EventMember Amount = Asked.Add("value.amount");
    private static readonly EventMember Currency = Asked.Add("value.currency");
    private static readonly EventMember GatewayStatus = Asked.Add("gatewayStatus");
    private static readonly EventMember OccurredAt = Asked.Add("occurredAt");
    private static readonly EventMember ReceivedAt = Asked.Add("receivedAt");
    private static readonly EventMember Rule = Asked.Add("rule");
    private static readonly EventMember Score = Asked.Add("score");
    private static readonly EventMember ClickId = Asked.Add("clickId");
    private static readonly EventMember DecidedAt = Asked.Add("decidedAt");
    private static readonly EventMember FunnelId = Asked.Add("funnelId");
    private static readonly EventMember DispatchId = Asked.Add("dispatchId");
    private static readonly EventMember EventName = Asked.Add("eventName");
    private static readonly EventMember PixelId = Asked.Add("pixelId");
    private static readonly EventMember RequestedAt = Asked.Add("requestedAt");
    private static readonly EventMember Reason = Asked.Add("reason");
    private static readonly EventMember ErrorClass = Asked.Add("errorClass");
    private static readonly EventMember Number = Asked.Add("attempt");
    private static readonly EventMember AttemptedAt = Asked.Add("attemptedAt");
    private static readonly EventMember RetryAt = Asked.Add("retryAt");
    private static readonly EventMember RedrivenAt = Asked.Add("redrivenAt");

    public ConversionStatusProjection()
    {
        On<TenantAdded>(e => new TenantSeen(e.Text(Slug), e.Text(TimeZone)));
        On<ConversionReceived>(e => new Received(
            KeyOf(e),
            e.Text(Gateway),
            NameOf<ConversionKind>(e, Kind),
            NameOf<PaymentState>(e, State),
            e.Number(Amount),
            e.Text(Currency),
            e.Text(GatewayStatus),
            e.Time(OccurredAt),
            e.Time(ReceivedAt)
        ));
        On<ConversionStateChanged>(e => new StateMoved(
            KeyOf(e),
            NameOf<PaymentState>(e, To),
            e.Number(Amount),
            e.Text(Currency),
            e.Text(GatewayStatus),
            e.Time(OccurredAt)
        ));
        On<ConversionMatched>(e => new Decided(
            KeyOf(e),
            Matched: true,
            NameOf<MatchRule>(e, Rule),
            e.RealOrNull(Score),
            e.TextOrNull(ClickId),
            e.Time(DecidedAt),
            e.TextOrNull(FunnelId)
        ));
        On<ConversionUnmatched>(e => new Decided(KeyOf(e), Matched: false, null, null, null, e.Time(DecidedAt), e.TextOrNull(FunnelId)));
        On<DispatchRequested>(e => new Requested(
            KeyOf(e),
            e.Text(DispatchId),
            e.Text(Gateway),
            e.Text(EventName),
            e.Text(PixelId),
            e.Time(RequestedAt)
        ));
        On<DispatchSkipped>(e => new Skipped(KeyOf(e), e.Text(EventName), e.Text(Reason), e.Time(DecidedAt)));
        On<DispatchSucceeded>(e => AttemptOf(e, DispatchStatus.Sent, null, null));
        On<DispatchFailed>(e => AttemptOf(e, DispatchStatus.Failed, e.Text(ErrorClass), e.Time(RetryAt)));
        On<DispatchRedriven>(e => new Redriven(KeyOf(e), e.Text(DispatchId), e.Time(RedrivenAt)));
        On<DispatchDeadLettered>(e => AttemptOf(e, DispatchStatus.Dead, e.Text(Reason), null));
    }

    public override string Name => "ConversionStatus";

    // 2: with the funnel.
    public override int Version => 2;

    public override IReadOnlyList<string> Tables { get; } = [Zones, "conversion_status", "dispatch_status"];

    protected override EventMemberSet Members => Asked;

    protected override async Task ApplyAsync(
        IReadOnlyList<StatusFact> facts,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        var page = await ReadAsync(facts, connection, cancellationToken);
        foreach (var fact in facts)
            page.Apply(fact);
        await WriteAsync(page, connection, cancellationToken);
    }

    private static ConversionKey KeyOf(EventMembers e) => new(e.TenantId, e.Text(ConversionId));

    private static string NameOf<TEnum>(EventMembers e, EventMember member)
        where TEnum : struct, Enum => Named<TEnum>.OfText(e.Text(member)) ?? throw e.Unreadable(member, $"is no {typeof(TEnum).Name}");

    private static Tried AttemptOf(EventMembers e, string status, string? reason, DateTimeOffset? retryAt) =>
        new(
            KeyOf(e),
            e.Sequence,
            e.Text(DispatchId),
            e.Text(Gateway),
            e.Text(PixelId),
            e.Whole(Number),
            status,
            reason,
            e.Time(AttemptedAt),
            retryAt
        );

    private static async Task<StatusFold> ReadAsync(
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
                        c.tenant_id, c.conversion_id, c.received_at, c.date, c.gateway, c.kind, c.state, c.amount, c.currency, c.gateway_status,
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
        var conversions = await ReadConversionsAsync(reader, cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        return new StatusFold(days, conversions, await ReadDispatchesAsync(reader, cancellationToken));
    }

    private static async Task<Dictionary<ConversionKey, ConversionState>> ReadConversionsAsync(
        NpgsqlDataReader row,
        CancellationToken cancellationToken
    )
    {
        var conversions = new Dictionary<ConversionKey, ConversionState>();
        while (await row.ReadAsync(cancellationToken))
            conversions[new(row.GetString(0), row.GetString(1))] = new ConversionState(
                row.GetFieldValue<DateTimeOffset>(2),
                row.GetFieldValue<DateOnly>(3),
                row.GetString(4),
                row.GetString(5),
                row.GetString(6),
                row.GetDecimal(7),
                row.GetString(8),
                row.GetString(9),
                row.GetFieldValue<DateTimeOffset>(10),
                row.ValueOrNull<DateTimeOffset>(11),
                row.ValueOrNull<bool>(12),
                row.TextOrNull(13),
                row.ValueOrNull<double>(14),
                row.TextOrNull(15),
                row.ValueOrNull<DateTimeOffset>(16),
                row.GetString(17),
                row.TextOrNull(18),
                row.ValueOrNull<DateTimeOffset>(19),
                row.TextOrNull(20)
            );
        return conversions;
    }

    private static async Task<Dictionary<DispatchKey, DispatchState>> ReadDispatchesAsync(
        NpgsqlDataReader row,
        CancellationToken cancellationToken
    )
    {
        var dispatches = new Dictionary<DispatchKey, DispatchState>();
        while (await row.ReadAsync(cancellationToken))
            dispatches[new(row.GetString(0), row.GetString(1), row.GetString(2))] = new DispatchState(
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
            );
        return dispatches;
    }

    private static async Task WriteAsync(StatusFold page, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        TenantDays.Write(Zones, page.Tenants.Select(tenant => (tenant.TenantId, tenant.TimeZone)), batch);
        Conversions(page.NewConversions()).InsertTo(batch, "conversion_status");
        Conversions(page.ChangedConversions())
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
        Dispatches(page.NewDispatches()).InsertTo(batch, "dispatch_status");
        Dispatches(page.ChangedDispatches())
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

    private static Rows<KeyValuePair<ConversionKey, ConversionState>> Conversions(
        IEnumerable<KeyValuePair<ConversionKey, ConversionState>> conversions
    ) =>
        new Rows<KeyValuePair<ConversionKey, ConversionState>>([.. conversions])
            .Text("tenant_id", row => row.Key.TenantId)
            .Text("conversion_id", row => row.Key.ConversionId)
            .Text("gateway", row => row.Value.Gateway)
            .Text("kind", row => row.Value.Kind)
            .Text("state", row => row.Value.State)
            .Number("amount", row => row.Value.Amount)
            .Text("currency", row => row.Value.Currency)
            .Time("received_at", row => row.Value.ReceivedAt)
            .Date("date", row => row.Value.Date)
            .Text("gateway_status", row => row.Value.GatewayStatus)
            .Time("state_changed_at", row => row.Value.StateChangedAt)
            .Time("paid_at", row => row.Value.PaidAt)
            .Bool("matched", row => row.Value.Matched)
            .Text("match_rule", row => row.Value.MatchRule)
            .Real("match_score", row => row.Value.MatchScore)
            .Text("click_id", row => row.Value.ClickId)
            .Time("decided_at", row => row.Value.DecidedAt)
            .Text("dispatch_status", row => row.Value.DispatchStatus)
            .Text("dispatch_reason", row => row.Value.DispatchReason)
            .Time("sent_at", row => row.Value.SentAt)
            .Text("funnel_id", row => row.Value.FunnelId);

    private static Rows<KeyValuePair<DispatchKey, DispatchState>> Dispatches(
        IEnumerable<KeyValuePair<DispatchKey, DispatchState>> dispatches
    ) =>
        new Rows<KeyValuePair<DispatchKey, DispatchState>>([.. dispatches])
            .Text("tenant_id", row => row.Key.TenantId)
            .Text("conversion_id", row => row.Key.ConversionId)
            .Text("dispatch_id", row => row.Key.DispatchId)
            .Text("gateway", row => row.Value.Gateway)
            .Text("event_name", row => row.Value.EventName)
            .Text("pixel_id", row => row.Value.PixelId)
            .Text("status", row => row.Value.Status)
            .Text("reason", row => row.Value.Reason)
            .Int("attempts", row => row.Value.Attempts)
            .Long("last_attempt", row => row.Value.LastAttempt)
            .Time("requested_at", row => row.Value.RequestedAt)
            .Time("changed_at", row => row.Value.ChangedAt)
            .Time("retry_at", row => row.Value.RetryAt);

    private static NpgsqlBatchCommand Of(IReadOnlyCollection<ConversionKey> keys, string sql) =>
        new(sql) { Parameters = { Varchars(keys.Select(key => key.TenantId)), Varchars(keys.Select(key => key.ConversionId)) } };

    private static NpgsqlParameter Varchars(IEnumerable<string> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar };
}
