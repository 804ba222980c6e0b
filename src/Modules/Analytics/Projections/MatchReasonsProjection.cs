using Npgsql;
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

    public IReadOnlyCollection<Type> EventTypes { get; } = [typeof(TenantAdded), typeof(ConversionMatched), typeof(ConversionUnmatched)];

    public IReadOnlyList<string> Tables { get; } = [Zones, "match_reason_status", "match_reason_daily"];

    public async Task ApplyAsync(IReadOnlyList<RecordedEvent> events, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var added = events.Where(recorded => recorded.Data is TenantAdded).Select(recorded => (TenantAdded)recorded.Data).ToArray();
        var decided = events.Select(Decided.Of).OfType<Decided>().ToArray();
        var keys = decided.Select(one => one.Key).Distinct().ToArray();
        var days = new TenantDays();
        var before = new Dictionary<ConversionKey, Cell>();
        if (keys.Length > 0)
            (days, before) = await ReadAsync(keys, connection, cancellationToken);
        foreach (var tenant in added)
            days.Learn(tenant.Slug, tenant.TimeZone);

        var after = new Dictionary<ConversionKey, Cell>();
        foreach (var one in decided)
            after[one.Key] = new Cell(
                days.DayOf(one.Key.TenantId, one.ReceivedAt),
                one.Gateway,
                one.FunnelId,
                one.Campaign,
                one.Matched,
                one.Outcome
            );
        await WriteAsync(added, before, after, connection, cancellationToken);
    }

    private static async Task<(TenantDays, Dictionary<ConversionKey, Cell>)> ReadAsync(
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
        var before = new Dictionary<ConversionKey, Cell>();
        while (await reader.ReadAsync(cancellationToken))
            before[new(reader.GetString(0), reader.GetString(1))] = new Cell(
                reader.GetFieldValue<DateOnly>(2),
                reader.GetString(3),
                reader.GetString(4),
                reader.GetString(5),
                reader.GetBoolean(6),
                reader.GetString(7)
            );
        return (days, before);
    }

    private static async Task WriteAsync(
        IReadOnlyCollection<TenantAdded> added,
        Dictionary<ConversionKey, Cell> before,
        Dictionary<ConversionKey, Cell> after,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        var changed = after.Where(now => !before.TryGetValue(now.Key, out var was) || was != now.Value).ToArray();
        var moves = changed
            .Select(now => (now.Key.TenantId, Cell: now.Value, Count: 1L))
            .Concat(changed.Where(now => before.ContainsKey(now.Key)).Select(now => (now.Key.TenantId, Cell: before[now.Key], Count: -1L)))
            .GroupBy(move => (move.TenantId, move.Cell))
            .Select(move => (move.Key.TenantId, move.Key.Cell, Count: move.Sum(one => one.Count)))
            .Where(move => move.Count != 0)
            .ToArray();

        await using var batch = new NpgsqlBatch(connection);
        TenantDays.Write(Zones, added.Select(tenant => (tenant.Slug, tenant.TimeZone)), batch);
        new Rows<KeyValuePair<ConversionKey, Cell>>(changed)
            .Text("tenant_id", row => row.Key.TenantId)
            .Text("conversion_id", row => row.Key.ConversionId)
            .Date("date", row => row.Value.Date)
            .Text("gateway", row => row.Value.Gateway)
            .Text("funnel_id", row => row.Value.FunnelId)
            .Text("campaign", row => row.Value.Campaign)
            .Bool("matched", row => row.Value.Matched)
            .Text("outcome", row => row.Value.Outcome)
            .WriteTo(
                batch,
                rows =>
                    $"""
                        insert into match_reason_status ({rows.Names}) select * from {rows.Unnest}
                        on conflict (tenant_id, conversion_id) do update set matched = excluded.matched, outcome = excluded.outcome,
                            funnel_id = excluded.funnel_id, campaign = excluded.campaign, date = excluded.date, gateway = excluded.gateway
                        """
            );
        Cells(moves)
            .Long("conversions", row => row.Count)
            .WriteTo(
                batch,
                rows =>
                    $"""
                        insert into match_reason_daily as d ({rows.Names}) select * from {rows.Unnest} order by 1, 2, 3, 4, 5, 6, 7
                        on conflict (tenant_id, date, gateway, funnel_id, campaign, matched, outcome)
                        do update set conversions = d.conversions + excluded.conversions
                        """
            );
        Cells([.. moves.Where(move => move.Count < 0)])
            .WriteTo(
                batch,
                rows =>
                    $"""
                        delete from match_reason_daily d using {rows.Unnest} n({rows.Names})
                        where ({rows.NamesOf("d")}) = ({rows.NamesOf("n")}) and d.conversions = 0
                        """
            );
        if (batch.BatchCommands.Count > 0)
            await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    private static Rows<(string TenantId, Cell Cell, long Count)> Cells(
        IReadOnlyCollection<(string TenantId, Cell Cell, long Count)> moves
    ) =>
        new Rows<(string TenantId, Cell Cell, long Count)>(moves)
            .Text("tenant_id", row => row.TenantId)
            .Date("date", row => row.Cell.Date)
            .Text("gateway", row => row.Cell.Gateway)
            .Text("funnel_id", row => row.Cell.FunnelId)
            .Text("campaign", row => row.Cell.Campaign)
            .Bool("matched", row => row.Cell.Matched)
            .Text("outcome", row => row.Cell.Outcome);

    /// <param name="Outcome">The rule, or the cause of there being none.</param>
    private sealed record Cell(DateOnly Date, string Gateway, string FunnelId, string Campaign, bool Matched, string Outcome);

    /// <summary>What counts of a decision; nothing of a test's.</summary>
    private sealed record Decided(
        ConversionKey Key,
        DateTimeOffset ReceivedAt,
        string Gateway,
        string FunnelId,
        string Campaign,
        bool Matched,
        string Outcome
    )
    {
        public static Decided? Of(RecordedEvent recorded) =>
            recorded.Data switch
            {
                ConversionMatched { IsTest: not true } matched => new(
                    new(recorded.TenantId, matched.ConversionId),
                    matched.ReceivedAt ?? matched.DecidedAt,
                    matched.Gateway,
                    matched.FunnelId ?? "",
                    matched.UtmCampaign ?? "",
                    Matched: true,
                    Named<MatchRule>.Of(matched.Rule)
                ),
                ConversionUnmatched { IsTest: not true } unmatched => new(
                    new(recorded.TenantId, unmatched.ConversionId),
                    unmatched.ReceivedAt ?? unmatched.DecidedAt,
                    unmatched.Gateway,
                    unmatched.FunnelId ?? "",
                    unmatched.UtmCampaign ?? "",
                    Matched: false,
                    UnmatchedCauses.Of(unmatched)
                ),
                _ => null,
            };
    }
}
