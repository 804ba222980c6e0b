using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Analytics.Projections;

/// <summary>
/// Builds everything about conversions: the rows, each decision and attempt, and the figures a day. Two round trips a page: what the page's
/// conversions were, and what they are now.
/// </summary>
internal sealed class ConversionsProjection : IProjection
{
    public const string ProjectionName = "Conversions";

    private const string Zones = "conversions_tenant";

    public string Name => ProjectionName;

    public IReadOnlyCollection<Type> EventTypes { get; } =
    [
        typeof(TenantAdded),
        typeof(ConversionReceived),
        typeof(ConversionStateChanged),
        typeof(ConversionMatched),
        typeof(ConversionUnmatched),
        typeof(DispatchRequested),
        typeof(DispatchSkipped),
        typeof(DispatchSucceeded),
        typeof(DispatchFailed),
        typeof(DispatchDeadLettered),
        typeof(DispatchRedriven),
    ];

    public IReadOnlyList<string> Tables { get; } =
    [Zones, "conversion", "match_log", "dispatch", "dispatch_attempt", "conversion_daily", "dispatch_attempt_daily"];

    public async Task ApplyAsync(IReadOnlyList<RecordedEvent> events, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var page = await ReadAsync(events, connection, cancellationToken);
        foreach (var recorded in events)
            page.Apply(recorded);
        await WriteAsync(page, connection, cancellationToken);
    }

    private static async Task<ConversionFold> ReadAsync(
        IReadOnlyList<RecordedEvent> events,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        var keys = events.Select(KeyOf).OfType<ConversionKey>().Distinct().ToArray();
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                // Each key is to be one look-up, also while the tables have grown and their statistics have not. For this transaction only.
                new(
                    "select set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)"
                ),
                TenantDays.Select(Zones, events),
                Of(
                    keys,
                    """
                    select
                        c.tenant_id, c.conversion_id, c.date, c.gateway, c.kind, c.state, c.amount, c.currency, c.gateway_status, c.state_changed_at,
                        c.paid_at, c.matched, c.match_rule, c.match_score, c.click_id, c.decided_at, c.dispatch_status, c.dispatch_reason, c.sent_at
                    from unnest($1, $2) k(tenant_id, conversion_id)
                    join conversion c on c.tenant_id = k.tenant_id and c.conversion_id = k.conversion_id
                    """
                ),
                Of(
                    keys,
                    """
                    select
                        d.tenant_id, d.conversion_id, d.dispatch_id, d.gateway, d.event_name, d.pixel_id, d.status, d.reason, d.attempts, d.http_status,
                        d.code, d.subcode, d.error, d.fbtrace_id, d.requested_at, d.changed_at, d.retry_at
                    from unnest($1, $2) k(tenant_id, conversion_id)
                    join dispatch d on d.tenant_id = k.tenant_id and d.conversion_id = k.conversion_id
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
        return new ConversionFold(days, conversions, await ReadDispatchesAsync(reader, cancellationToken));
    }

    private static async Task<Dictionary<ConversionKey, ConversionState>> ReadConversionsAsync(
        NpgsqlDataReader row,
        CancellationToken cancellationToken
    )
    {
        var conversions = new Dictionary<ConversionKey, ConversionState>();
        while (await row.ReadAsync(cancellationToken))
            conversions[new(row.GetString(0), row.GetString(1))] = new ConversionState(
                row.GetFieldValue<DateOnly>(2),
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
                row.ValueOrNull<DateTimeOffset>(18)
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
                row.ValueOrNull<int>(9),
                row.ValueOrNull<int>(10),
                row.ValueOrNull<int>(11),
                row.TextOrNull(12),
                row.TextOrNull(13),
                row.ValueOrNull<DateTimeOffset>(14),
                row.GetFieldValue<DateTimeOffset>(15),
                row.ValueOrNull<DateTimeOffset>(16)
            );
        return dispatches;
    }

    private static async Task WriteAsync(ConversionFold page, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        TenantDays.Write(Zones, page.Tenants, batch);
        AddConversions(page, batch);
        ChangeConversions(page, batch);
        AddDecisions(page, batch);
        SetDispatches(page, batch);
        AddAttempts(page, batch);
        CountConversions(page, batch);
        CountAttempts(page, batch);
        if (batch.BatchCommands.Count > 0)
            await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    private static void AddConversions(ConversionFold page, NpgsqlBatch batch) =>
        new Rows<(ConversionKey Key, ConversionReceived Event, ConversionState State)>([
            .. page.Received.Select(received => (received.Key, received.Event, page[received.Key])),
        ])
            .Text("tenant_id", row => row.Key.TenantId)
            .Text("conversion_id", row => row.Key.ConversionId)
            .Text("gateway", row => row.State.Gateway)
            .Text("order_id", row => row.Event.OrderId)
            .Uuid("event_id", row => row.Event.EventId)
            .Text("kind", row => row.State.Kind)
            .Text("state", row => row.State.State)
            .Number("amount", row => row.State.Amount)
            .Text("currency", row => row.State.Currency)
            .Text("product_id", row => row.Event.ProductId)
            .Text("click_id", row => row.State.ClickId)
            .Time("occurred_at", row => row.Event.OccurredAt)
            .Time("received_at", row => row.Event.ReceivedAt)
            .Date("date", row => row.State.Date)
            .Text("gateway_status", row => row.State.GatewayStatus)
            .Time("state_changed_at", row => row.State.StateChangedAt)
            .Time("paid_at", row => row.State.PaidAt)
            .Bool("matched", row => row.State.Matched)
            .Text("match_rule", row => row.State.MatchRule)
            .Real("match_score", row => row.State.MatchScore)
            .Time("decided_at", row => row.State.DecidedAt)
            .Text("dispatch_status", row => row.State.DispatchStatus)
            .Text("dispatch_reason", row => row.State.DispatchReason)
            .Time("sent_at", row => row.State.SentAt)
            .Campaign(row => row.Event.Campaign)
            .Bool("has_click_id", row => row.Event.ClickId is not null)
            .Identifiers(row => row.Event.Has)
            .Json("notes", row => Jsonb.Of(row.Event.Notes))
            .WriteTo(batch, rows => $"insert into conversion ({rows.Names}) select * from {rows.Unnest}");

    private static void ChangeConversions(ConversionFold page, NpgsqlBatch batch) =>
        new Rows<KeyValuePair<ConversionKey, ConversionState>>([.. page.ChangedConversions()])
            .Text("tenant_id", row => row.Key.TenantId)
            .Text("conversion_id", row => row.Key.ConversionId)
            .Text("state", row => row.Value.State)
            .Number("amount", row => row.Value.Amount)
            .Text("currency", row => row.Value.Currency)
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
            .WriteTo(
                batch,
                rows =>
                    $"""
                        update conversion c set
                            state = n.state, amount = n.amount, currency = n.currency, gateway_status = n.gateway_status,
                            state_changed_at = n.state_changed_at, paid_at = n.paid_at, matched = n.matched, match_rule = n.match_rule,
                            match_score = n.match_score, click_id = n.click_id, decided_at = n.decided_at,
                            dispatch_status = n.dispatch_status, dispatch_reason = n.dispatch_reason, sent_at = n.sent_at
                        from {rows.Unnest} n({rows.Names})
                        where c.tenant_id = n.tenant_id and c.conversion_id = n.conversion_id
                        """
            );

    private static void AddDecisions(ConversionFold page, NpgsqlBatch batch) =>
        new Rows<LoggedDecision>(page.Decisions)
            .Text("tenant_id", row => row.Key.TenantId)
            .Text("conversion_id", row => row.Key.ConversionId)
            .Long("sequence", row => row.Sequence)
            .Text("gateway", row => row.Gateway)
            .Bool("matched", row => row.Matched)
            .Text("match_rule", row => row.MatchRule)
            .Text("click_id", row => row.ClickId)
            .Time("clicked_at", row => row.ClickedAt)
            .Real("score", row => row.Score)
            .Text("reason", row => row.Reason)
            .Json("tried", row => Jsonb.Of(row.Tried.Select(TriedRow.Of)))
            .Json("candidates", row => Jsonb.Of(row.Candidates.Select(CandidateRow.Of)))
            .Time("window_from", row => row.WindowFrom)
            .Int("rule_version", row => row.RuleVersion)
            .Time("decided_at", row => row.DecidedAt)
            .WriteTo(batch, rows => $"insert into match_log ({rows.Names}) select * from {rows.Unnest}");

    private static void SetDispatches(ConversionFold page, NpgsqlBatch batch) =>
        new Rows<KeyValuePair<DispatchKey, DispatchState>>([.. page.ChangedDispatches()])
            .Text("tenant_id", row => row.Key.TenantId)
            .Text("conversion_id", row => row.Key.ConversionId)
            .Text("dispatch_id", row => row.Key.DispatchId)
            .Text("gateway", row => row.Value.Gateway)
            .Text("event_name", row => row.Value.EventName)
            .Text("pixel_id", row => row.Value.PixelId)
            .Text("status", row => row.Value.Status)
            .Text("reason", row => row.Value.Reason)
            .Int("attempts", row => row.Value.Attempts)
            .Int("http_status", row => row.Value.HttpStatus)
            .Int("code", row => row.Value.Code)
            .Int("subcode", row => row.Value.Subcode)
            .Text("error", row => row.Value.Error)
            .Text("fbtrace_id", row => row.Value.FbTraceId)
            .Time("requested_at", row => row.Value.RequestedAt)
            .Time("changed_at", row => row.Value.ChangedAt)
            .Time("retry_at", row => row.Value.RetryAt)
            .WriteTo(
                batch,
                rows =>
                    $"""
                        insert into dispatch ({rows.Names}) select * from {rows.Unnest}
                        on conflict (tenant_id, conversion_id, dispatch_id) do update set
                            status = excluded.status, reason = excluded.reason, attempts = excluded.attempts, http_status = excluded.http_status,
                            code = excluded.code, subcode = excluded.subcode, error = excluded.error, fbtrace_id = excluded.fbtrace_id,
                            event_name = excluded.event_name, requested_at = excluded.requested_at, changed_at = excluded.changed_at,
                            retry_at = excluded.retry_at
                        """
            );

    private static void AddAttempts(ConversionFold page, NpgsqlBatch batch) =>
        new Rows<Attempt>(page.Attempts)
            .Text("tenant_id", row => row.Key.TenantId)
            .Text("conversion_id", row => row.Key.ConversionId)
            .Long("sequence", row => row.Sequence)
            .Text("gateway", row => row.Gateway)
            .Text("dispatch_id", row => row.Key.DispatchId)
            .Text("pixel_id", row => row.PixelId)
            .Int("attempt", row => row.Number)
            .Text("status", row => row.Status)
            .Int("http_status", row => row.HttpStatus)
            .Text("reason", row => row.Reason)
            .Int("code", row => row.Code)
            .Int("subcode", row => row.Subcode)
            .Text("error", row => row.Error)
            .Text("fbtrace_id", row => row.FbTraceId)
            .Number("latency_ms", row => row.LatencyMs)
            .Time("attempted_at", row => row.AttemptedAt)
            .WriteTo(batch, rows => $"insert into dispatch_attempt ({rows.Names}) select * from {rows.Unnest}");

    // What is in these rows depends on the log alone, not on how it was cut into pages: no empty cell stays, no scale of a number that is gone.
    private static void CountConversions(ConversionFold page, NpgsqlBatch batch)
    {
        var moves = page.Moves();
        Cells(moves)
            .Long("conversions", row => row.Conversions)
            .Number("amount", row => row.Amount)
            .WriteTo(
                batch,
                rows =>
                    $"""
                        insert into conversion_daily as d ({rows.Names}) select * from {rows.Unnest}
                        on conflict (tenant_id, date, gateway, kind, state, currency, match, dispatch_status, dispatch_reason)
                        do update set conversions = d.conversions + excluded.conversions, amount = trim_scale(d.amount + excluded.amount)
                        """
            );
        Cells([.. moves.Where(move => move.Conversions < 0)])
            .WriteTo(
                batch,
                rows =>
                    $"""
                        delete from conversion_daily d using {rows.Unnest} n({rows.Names})
                        where ({rows.NamesOf("d")}) = ({rows.NamesOf("n")}) and d.conversions = 0
                        """
            );
    }

    private static Rows<(Cell Cell, long Conversions, decimal Amount)> Cells(
        IReadOnlyCollection<(Cell Cell, long Conversions, decimal Amount)> moves
    ) =>
        new Rows<(Cell Cell, long Conversions, decimal Amount)>(moves)
            .Text("tenant_id", row => row.Cell.TenantId)
            .Date("date", row => row.Cell.Date)
            .Text("gateway", row => row.Cell.Gateway)
            .Text("kind", row => row.Cell.Kind)
            .Text("state", row => row.Cell.State)
            .Text("currency", row => row.Cell.Currency)
            .Text("match", row => row.Cell.Match)
            .Text("dispatch_status", row => row.Cell.DispatchStatus)
            .Text("dispatch_reason", row => row.Cell.DispatchReason);

    private static void CountAttempts(ConversionFold page, NpgsqlBatch batch) =>
        new Rows<(AttemptCell Cell, long Attempts, decimal LatencyMs)>([
            .. page
                .Attempts.GroupBy(attempt => AttemptCell.Of(page.DayOf(attempt.Key.TenantId, attempt.AttemptedAt), attempt))
                .Select(cell => (cell.Key, cell.LongCount(), cell.Sum(attempt => attempt.LatencyMs))),
        ])
            .Text("tenant_id", row => row.Cell.TenantId)
            .Date("date", row => row.Cell.Date)
            .Text("gateway", row => row.Cell.Gateway)
            .Text("status", row => row.Cell.Status)
            .Text("reason", row => row.Cell.Reason)
            .Int("latency_bucket", row => row.Cell.LatencyBucket)
            .Long("attempts", row => row.Attempts)
            .Number("latency_ms", row => row.LatencyMs)
            .WriteTo(
                batch,
                rows =>
                    $"""
                        insert into dispatch_attempt_daily as d ({rows.Names}) select * from {rows.Unnest}
                        on conflict (tenant_id, date, gateway, status, reason, latency_bucket)
                        do update set attempts = d.attempts + excluded.attempts, latency_ms = d.latency_ms + excluded.latency_ms
                        """
            );

    private static NpgsqlBatchCommand Of(IReadOnlyCollection<ConversionKey> keys, string sql) =>
        new(sql) { Parameters = { Varchars(keys.Select(key => key.TenantId)), Varchars(keys.Select(key => key.ConversionId)) } };

    private static NpgsqlParameter Varchars(IEnumerable<string> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar };

    private static ConversionKey? KeyOf(RecordedEvent recorded) =>
        recorded.Data switch
        {
            ConversionReceived received => new(recorded.TenantId, received.ConversionId),
            ConversionStateChanged changed => new(recorded.TenantId, changed.ConversionId),
            ConversionMatched matched => new(recorded.TenantId, matched.ConversionId),
            ConversionUnmatched unmatched => new(recorded.TenantId, unmatched.ConversionId),
            DispatchRequested requested => new(recorded.TenantId, requested.ConversionId),
            DispatchSkipped skipped => new(recorded.TenantId, skipped.ConversionId),
            DispatchSucceeded succeeded => new(recorded.TenantId, succeeded.ConversionId),
            DispatchFailed failed => new(recorded.TenantId, failed.ConversionId),
            DispatchDeadLettered dead => new(recorded.TenantId, dead.ConversionId),
            _ => null,
        };

    /// <param name="LatencyBucket">The smallest n with latency ≤ 1.2ⁿ ms; −1 where Meta gave no answer.</param>
    private sealed record AttemptCell(string TenantId, DateOnly Date, string Gateway, string Status, string Reason, int LatencyBucket)
    {
        public static AttemptCell Of(DateOnly date, Attempt attempt) =>
            new(attempt.Key.TenantId, date, attempt.Gateway, attempt.Status, attempt.Reason ?? "", Bucket(attempt));

        private static int Bucket(Attempt attempt) =>
            attempt.HttpStatus is null ? -1
            : attempt.LatencyMs <= 1 ? 0
            : (int)Math.Ceiling(Math.Log((double)attempt.LatencyMs, 1.2));
    }

    /// <summary>An element of <c>match_log.tried</c>.</summary>
    private sealed record TriedRow(string Rule, string Outcome, int Candidates)
    {
        public static TriedRow Of(RuleTried tried) => new(Named<MatchRule>.Of(tried.Rule), tried.Outcome, tried.Candidates);
    }

    /// <summary>An element of <c>match_log.candidates</c>.</summary>
    private sealed record CandidateRow(string ClickId, string Rule, DateTimeOffset ClickedAt, string Reason)
    {
        public static CandidateRow Of(MatchCandidate candidate) =>
            new(candidate.ClickId, Named<MatchRule>.Of(candidate.Rule), candidate.ClickedAt, candidate.Reason);
    }
}

internal static class ReaderExtensions
{
    public static string? TextOrNull(this NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    public static T? ValueOrNull<T>(this NpgsqlDataReader row, int column)
        where T : struct => row.IsDBNull(column) ? null : row.GetFieldValue<T>(column);
}
