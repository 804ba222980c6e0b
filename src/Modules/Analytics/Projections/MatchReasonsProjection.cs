using Npgsql;
using TrackAi.Analytics.Days;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Analytics.Projections;

/// <summary>
/// Counts by what sales were joined to clicks and why they were not, by day, gateway, funnel and campaign. The latest decision about a sale counts, so
/// one that is decided anew moves.
/// </summary>
internal sealed class MatchReasonsProjection : IProjection
{
    private const string Zones = "match_reason_tenant";

    public string Name => "MatchReasons";

    // 2: a day is one row.
    public int Version => 2;

    public IReadOnlyCollection<Type> EventTypes { get; } = [typeof(TenantAdded), typeof(ConversionMatched), typeof(ConversionUnmatched)];

    public IReadOnlyList<string> Tables { get; } = [Zones, "match_reason_status", MatchReasonDays.Table.Name];

    public async Task ApplyAsync(IReadOnlyList<RecordedEvent> events, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var added = events.Where(recorded => recorded.Data is TenantAdded).Select(recorded => (TenantAdded)recorded.Data).ToArray();
        var decided = events.Select(Decided.Of).OfType<Decided>().ToArray();
        var keys = decided.Select(one => one.Key).Distinct().ToArray();
        var days = new TenantDays();
        var before = new Dictionary<ConversionKey, Counted>();
        if (keys.Length > 0)
            (days, before) = await ReadAsync(keys, connection, cancellationToken);
        foreach (var tenant in added)
            days.Learn(tenant.Slug, tenant.TimeZone);

        var after = new Dictionary<ConversionKey, Counted>();
        foreach (var one in decided)
            after[one.Key] = new Counted(days.DayOf(one.Key.TenantId, one.ReceivedAt), one.Cell);
        await WriteAsync(added, before, after, connection, cancellationToken);
    }

    private static async Task<(TenantDays, Dictionary<ConversionKey, Counted>)> ReadAsync(
        IReadOnlyCollection<ConversionKey> keys,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(TenantDays.Select(Zones, keys.Select(key => key.TenantId)));
        new Rows<ConversionKey>(keys)
            .Text("tenant_id", key => key.TenantId)
            .Text("conversion_id", key => key.ConversionId)
            .WriteTo(
                batch,
                // Lateral, so that each is one look-up, also while the table has grown and its statistics have not.
                rows =>
                    $"""
                        select k.tenant_id, k.conversion_id, s.date, s.gateway, s.funnel_id, s.campaign, s.matched, s.outcome
                        from {rows.Unnest} k({rows.Names})
                        cross join lateral (
                            select * from match_reason_status s where s.tenant_id = k.tenant_id and s.conversion_id = k.conversion_id limit 1
                        ) s
                        """
            );
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var days = await TenantDays.ReadAsync(reader, cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        var before = new Dictionary<ConversionKey, Counted>();
        while (await reader.ReadAsync(cancellationToken))
            before[new(reader.GetString(0), reader.GetString(1))] = new Counted(
                reader.GetFieldValue<DateOnly>(2),
                new(reader.GetString(3), reader.GetString(4), reader.GetString(5), reader.GetBoolean(6), reader.GetString(7))
            );
        return (days, before);
    }

    private static async Task WriteAsync(
        IReadOnlyCollection<TenantAdded> added,
        Dictionary<ConversionKey, Counted> before,
        Dictionary<ConversionKey, Counted> after,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        var changed = after.Where(now => !before.TryGetValue(now.Key, out var was) || was != now.Value).ToArray();
        var moves = changed
            .Select(now => MoveOf(now.Key, now.Value, 1))
            .Concat(changed.Where(now => before.ContainsKey(now.Key)).Select(now => MoveOf(now.Key, before[now.Key], -1)))
            .ToArray();

        await using var batch = new NpgsqlBatch(connection);
        TenantDays.Write(Zones, added.Select(tenant => (tenant.Slug, tenant.TimeZone)), batch);
        new Rows<KeyValuePair<ConversionKey, Counted>>(changed)
            .Text("tenant_id", row => row.Key.TenantId)
            .Text("conversion_id", row => row.Key.ConversionId)
            .Date("date", row => row.Value.Date)
            .Text("gateway", row => row.Value.Cell.Gateway)
            .Text("funnel_id", row => row.Value.Cell.FunnelId)
            .Text("campaign", row => row.Value.Cell.Campaign)
            .Bool("matched", row => row.Value.Cell.Matched)
            .Text("outcome", row => row.Value.Cell.Outcome)
            .WriteTo(
                batch,
                rows =>
                    $"""
                        insert into match_reason_status ({rows.Names}) select * from {rows.Unnest}
                        on conflict (tenant_id, conversion_id) do update set matched = excluded.matched, outcome = excluded.outcome,
                            funnel_id = excluded.funnel_id, campaign = excluded.campaign, date = excluded.date, gateway = excluded.gateway
                        """
            );
        if (batch.BatchCommands.Count > 0)
            await batch.ExecuteNonQueryAsync(cancellationToken);
        await MatchReasonDays.Table.AddAsync(moves, connection, cancellationToken);
    }

    private static DayCell<MatchReasonCell> MoveOf(ConversionKey key, Counted counted, int sign) =>
        new(new TenantDay(key.TenantId, counted.Date), counted.Cell, new DaySum(sign, 0));

    /// <summary>Where a sale is counted.</summary>
    private readonly record struct Counted(DateOnly Date, MatchReasonCell Cell);

    /// <summary>What counts of a decision; nothing of a test's.</summary>
    private sealed record Decided(ConversionKey Key, DateTimeOffset ReceivedAt, MatchReasonCell Cell)
    {
        public static Decided? Of(RecordedEvent recorded) =>
            recorded.Data switch
            {
                ConversionMatched { IsTest: not true } matched => new(
                    new(recorded.TenantId, matched.ConversionId),
                    matched.ReceivedAt ?? matched.DecidedAt,
                    new(
                        matched.Gateway,
                        matched.FunnelId ?? "",
                        matched.UtmCampaign ?? "",
                        Matched: true,
                        Named<MatchRule>.Of(matched.Rule)
                    )
                ),
                ConversionUnmatched { IsTest: not true } unmatched => new(
                    new(recorded.TenantId, unmatched.ConversionId),
                    unmatched.ReceivedAt ?? unmatched.DecidedAt,
                    new(
                        unmatched.Gateway,
                        unmatched.FunnelId ?? "",
                        unmatched.UtmCampaign ?? "",
                        Matched: false,
                        UnmatchedCauses.Of(unmatched)
                    )
                ),
                _ => null,
            };
    }
}
