using Npgsql;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Analytics.Projections;

/// <summary>
/// Keeps what the log says of conversions, one row a fact: what the gateway first told, each decision, each attempt. Nothing here ever changes;
/// where a conversion stands is kept by <see cref="DispatchSummaryProjection"/>.
/// </summary>
internal sealed class ConversionsProjection : IProjection
{
    public string Name => "Conversions";

    public IReadOnlyCollection<Type> EventTypes { get; } =
    [
        typeof(ConversionReceived),
        typeof(ConversionMatched),
        typeof(ConversionUnmatched),
        typeof(DispatchSucceeded),
        typeof(DispatchFailed),
        typeof(DispatchDeadLettered),
    ];

    public IReadOnlyList<string> Tables { get; } = ["conversion_received", "match_log", "dispatch_attempt"];

    public async Task ApplyAsync(IReadOnlyList<RecordedEvent> events, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var received = new List<(string TenantId, ConversionReceived Event)>();
        var decisions = new List<LoggedDecision>();
        var attempts = new List<Attempt>();
        foreach (var recorded in events)
        {
            var tenant = recorded.TenantId;
            switch (recorded.Data)
            {
                case ConversionReceived conversion:
                    received.Add((tenant, conversion));
                    break;
                case ConversionMatched matched:
                    decisions.Add(Logged(new(tenant, matched.ConversionId), recorded.Sequence, matched));
                    break;
                case ConversionUnmatched unmatched:
                    decisions.Add(Logged(new(tenant, unmatched.ConversionId), recorded.Sequence, unmatched));
                    break;
                case DispatchSucceeded succeeded:
                    attempts.Add(AttemptOf(tenant, recorded.Sequence, succeeded));
                    break;
                case DispatchFailed failed:
                    attempts.Add(AttemptOf(tenant, recorded.Sequence, failed));
                    break;
                case DispatchDeadLettered dead:
                    attempts.Add(AttemptOf(tenant, recorded.Sequence, dead));
                    break;
                case var other:
                    throw new InvalidOperationException($"{Name} asked for no {other.GetType().Name}.");
            }
        }

        await using var batch = new NpgsqlBatch(connection);
        AddConversions(received, batch);
        AddDecisions(decisions, batch);
        AddAttempts(attempts, batch);
        if (batch.BatchCommands.Count > 0)
            await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    // The log holds a conversion once; what a foreign appender repeats is not taken.
    private static void AddConversions(IReadOnlyCollection<(string TenantId, ConversionReceived Event)> received, NpgsqlBatch batch) =>
        new Rows<(string TenantId, ConversionReceived Event)>(received)
            .Text("tenant_id", row => row.TenantId)
            .Text("conversion_id", row => row.Event.ConversionId)
            .Text("order_id", row => row.Event.OrderId)
            .Uuid("event_id", row => row.Event.EventId)
            .Text("product_id", row => row.Event.ProductId)
            .Time("occurred_at", row => row.Event.OccurredAt)
            .Campaign(row => row.Event.Campaign)
            .Bool("has_click_id", row => row.Event.ClickId is not null)
            .Identifiers(row => row.Event.Has)
            .Json("notes", row => Jsonb.Of(row.Event.Notes))
            .WriteTo(batch, rows => $"insert into conversion_received ({rows.Names}) select * from {rows.Unnest} on conflict do nothing");

    private static void AddDecisions(IReadOnlyCollection<LoggedDecision> decisions, NpgsqlBatch batch) =>
        new Rows<LoggedDecision>(decisions)
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
            .Text("funnel_id", row => row.Beside.FunnelId)
            .Text("utm_campaign", row => row.Beside.UtmCampaign)
            .Text("cause", row => row.Beside.Cause)
            .Json("missing", row => Jsonb.Of(row.Beside.Missing.Select(Named<MatchRule>.Of)))
            .Bool("probabilistic", row => row.Beside.IsProbabilistic)
            .Text("first_click_id", row => row.Beside.First?.ClickId)
            .Time("first_clicked_at", row => row.Beside.First?.ClickedAt)
            .Text("last_click_id", row => row.Beside.Last?.ClickId)
            .Time("last_clicked_at", row => row.Beside.Last?.ClickedAt)
            .Text("reopened_by", row => row.Beside.ReopenedBy)
            .Text("explanation", row => row.Beside.Explanation)
            .InsertTo(batch, "match_log");

    private static void AddAttempts(IReadOnlyCollection<Attempt> attempts, NpgsqlBatch batch) =>
        new Rows<Attempt>(attempts)
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
            .Real("match_quality", row => row.Quality?.Score)
            .Json("identifiers", row => row.Quality is { } quality ? Jsonb.Of(quality.Carries) : null)
            .InsertTo(batch, "dispatch_attempt");

    private static LoggedDecision Logged(ConversionKey key, long sequence, ConversionMatched matched) =>
        new(
            key,
            sequence,
            matched.Gateway,
            Matched: true,
            Named<MatchRule>.Of(matched.Rule),
            matched.ClickId,
            matched.ClickedAt,
            matched.Score,
            Reason: null,
            matched.Tried,
            matched.Candidates,
            matched.WindowFrom,
            matched.RuleVersion,
            matched.DecidedAt,
            new DecisionBeside(
                matched.FunnelId,
                matched.UtmCampaign,
                Cause: null,
                matched.Missing ?? [],
                matched.IsProbabilistic == true,
                matched.FirstTouch,
                matched.LastTouch,
                matched.Reopened?.Cause,
                MatchWords.Explanation(matched)
            )
        );

    private static LoggedDecision Logged(ConversionKey key, long sequence, ConversionUnmatched unmatched) =>
        new(
            key,
            sequence,
            unmatched.Gateway,
            Matched: false,
            MatchRule: null,
            ClickId: null,
            ClickedAt: null,
            Score: null,
            unmatched.Reason,
            unmatched.Tried,
            unmatched.Candidates,
            unmatched.WindowFrom,
            unmatched.RuleVersion,
            unmatched.DecidedAt,
            new DecisionBeside(
                unmatched.FunnelId,
                unmatched.UtmCampaign,
                UnmatchedCauses.Of(unmatched),
                unmatched.Missing ?? [],
                IsProbabilistic: false,
                First: null,
                Last: null,
                unmatched.Reopened?.Cause,
                MatchWords.Explanation(unmatched)
            )
        );

    private static Attempt AttemptOf(string tenant, long sequence, DispatchSucceeded sent) =>
        new(
            new(tenant, sent.ConversionId, sent.DispatchId),
            sequence,
            sent.Gateway,
            sent.PixelId,
            sent.Attempt,
            DispatchStatus.Sent,
            sent.HttpStatus,
            Reason: null,
            Code: null,
            Subcode: null,
            Error: null,
            sent.FbTraceId,
            Latency.Milliseconds(sent.LatencyMs),
            sent.AttemptedAt
        )
        {
            Quality = sent.Quality,
        };

    private static Attempt AttemptOf(string tenant, long sequence, DispatchFailed failed) =>
        new(
            new(tenant, failed.ConversionId, failed.DispatchId),
            sequence,
            failed.Gateway,
            failed.PixelId,
            failed.Attempt,
            DispatchStatus.Failed,
            failed.HttpStatus,
            failed.ErrorClass,
            failed.Code,
            failed.Subcode,
            failed.Error,
            failed.FbTraceId,
            Latency.Milliseconds(failed.LatencyMs),
            failed.AttemptedAt
        );

    private static Attempt AttemptOf(string tenant, long sequence, DispatchDeadLettered dead) =>
        new(
            new(tenant, dead.ConversionId, dead.DispatchId),
            sequence,
            dead.Gateway,
            dead.PixelId,
            dead.Attempt,
            DispatchStatus.Dead,
            dead.HttpStatus,
            dead.Reason,
            dead.Code,
            dead.Subcode,
            dead.Error,
            dead.FbTraceId,
            Latency.Milliseconds(dead.LatencyMs),
            dead.AttemptedAt
        );

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
