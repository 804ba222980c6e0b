using System.Runtime.CompilerServices;
using Npgsql;
using NpgsqlTypes;
using TrackAi.Analytics.Projections;
using TrackAi.Contracts;

namespace TrackAi.Analytics;

/// <inheritdoc/>
internal sealed class ReadSales(NpgsqlDataSource dataSource) : IReadSales
{
    private const string Select = """
        select
            conversion_id, gateway, order_id, event_id, kind, state, amount, currency, product_id, occurred_at, received_at, matched, match_rule,
            match_score, click_id, dispatch_status, dispatch_reason, sent_at, utm_source, utm_campaign, funnel_id
        from conversion
        """;

    public async Task<IReadOnlyList<SaleRow>> ListAsync(
        SaleQuery query,
        int limit,
        SalePosition? after = null,
        CancellationToken cancellationToken = default
    )
    {
        var rows = new List<SaleRow>();
        await using var select = SelectOf(query, after, limit);
        await using var row = await select.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            rows.Add(ReadRow(row));
        return rows;
    }

    public async IAsyncEnumerable<SaleRow> StreamAsync(
        SaleQuery query,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        await using var select = SelectOf(query, after: null, limit: null);
        await using var row = await select.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            yield return ReadRow(row);
    }

    public async Task<SaleRow?> FindAsync(string tenant, string conversionId, CancellationToken cancellationToken = default)
    {
        await using var select = dataSource.CreateCommand($"{Select} where tenant_id = $1 and conversion_id = $2");
        select.Parameters.Add(new() { Value = tenant });
        select.Parameters.Add(new() { Value = conversionId });
        await using var row = await select.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? ReadRow(row) : null;
    }

    public async Task<IReadOnlyDictionary<string, long>> CountDispatchesAsync(
        string tenant,
        IReadOnlyCollection<(string ConversionId, string DispatchId)> dispatches,
        CancellationToken cancellationToken = default
    )
    {
        await using var select = dataSource.CreateCommand(
            """
            select d.status, count(*)
            from unnest($2, $3) wanted(conversion_id, dispatch_id)
            join dispatch_status d
                on d.tenant_id = $1 and d.conversion_id = wanted.conversion_id and d.dispatch_id = wanted.dispatch_id
            group by d.status
            """
        );
        select.Parameters.Add(new() { Value = tenant });
        select.Parameters.Add(Texts(dispatches.Select(one => one.ConversionId)));
        select.Parameters.Add(Texts(dispatches.Select(one => one.DispatchId)));
        return await CountsAsync(select, cancellationToken);
    }

    // What is not paid yet waits for money, not for Meta.
    public async Task<DateTimeOffset?> OldestWaitingAsync(string tenant, CancellationToken cancellationToken = default)
    {
        await using var select = dataSource.CreateCommand(
            """
            select min(received_at) from conversion_status
            where tenant_id = $1 and dispatch_status in ('waiting', 'failed') and dispatch_status <> 'sent' and dispatch_reason is distinct from 'not_approved'
            """
        );
        select.Parameters.Add(new() { Value = tenant });
        return await select.ExecuteScalarAsync(cancellationToken) is DateTime at ? new DateTimeOffset(at, TimeSpan.Zero) : null;
    }

    // Conditions are put together rather than made optional in one statement, because each form has its own index.
    internal NpgsqlCommand SelectOf(SaleQuery query, SalePosition? after, int? limit)
    {
        var command = dataSource.CreateCommand();
        var conditions = new List<string> { $"tenant_id = {Given(query.TenantId)}" };
        if (string.IsNullOrWhiteSpace(query.Search))
            conditions.AddRange(Narrowing());
        else
            conditions.Add(Searching(query.Search.Trim()));
        if (after is not null)
            conditions.Add($"(received_at, conversion_id) < ({Given(after.ReceivedAt)}, {Given(after.ConversionId)})");

        command.CommandText = $"""
            {Select}
            where {string.Join(" and ", conditions)}
            order by received_at desc, conversion_id desc
            {(limit is { } most ? $"limit {Given(most)}" : "")}
            """;
        return command;

        IEnumerable<string> Narrowing()
        {
            yield return $"received_at >= {Given(query.From)}";
            yield return $"received_at < {Given(query.Until)}";
            if (query.Gateway is not null)
                yield return $"gateway = {Given(query.Gateway)}";
            if (query.Funnel is not null)
                yield return $"funnel_id = {Given(query.Funnel)}";
            if (query.Status is not null)
                yield return $"dispatch_status = {Given(query.Status)}";
            if (query.Status is not (null or DispatchStatus.Sent))
                yield return "dispatch_status <> 'sent'";
        }

        // A conversion's id is its gateway and its order, so an order is found by the key, whatever its gateway. What begins so is a range of it,
        // that ends before the last character there is.
        string Searching(string text) =>
            $"""
                conversion_id = any(array(
                    select found.conversion_id
                    from (
                        select g.gateway || '-' || {Given(
                    text
                )} as beginning from (select distinct gateway from conversion_cell) g
                        union select {Given(text)}
                    ) wanted
                    cross join lateral (
                        select r.conversion_id
                        from conversion_received r
                        where r.tenant_id = $1
                            and r.conversion_id collate "C" >= wanted.beginning
                            and r.conversion_id collate "C" < wanted.beginning || {Given("\U0010FFFF")}
                        order by r.conversion_id collate "C"
                        limit {IReadSales.MostFound}
                    ) found
                    {(EventIdsOf(text) is { } ids ? Between(ids.From, ids.To) : "")}
                ))
                """;

        string Between(Guid from, Guid to) =>
            $"""
                union all (
                    select conversion_id from conversion_received
                    where tenant_id = $1 and event_id between {Given(from)} and {Given(to)}
                    limit {IReadSales.MostFound}
                )
                """;

        string Given(object value)
        {
            command.Parameters.Add(new() { Value = value });
            return $"${command.Parameters.Count}";
        }
    }

    // With fewer digits nearly every number would be the beginning of somebody's.
    private static (Guid From, Guid To)? EventIdsOf(string text)
    {
        if (Guid.TryParse(text, out var whole))
            return (whole, whole);
        var digits = text.Replace("-", "", StringComparison.Ordinal);
        return digits.Length is >= 8 and <= 32 && digits.All(char.IsAsciiHexDigit)
            ? (Guid.ParseExact(digits.PadRight(32, '0'), "N"), Guid.ParseExact(digits.PadRight(32, 'f'), "N"))
            : null;
    }

    private static NpgsqlParameter Texts(IEnumerable<string> texts) =>
        new() { Value = texts.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar };

    private static async Task<IReadOnlyDictionary<string, long>> CountsAsync(NpgsqlCommand select, CancellationToken cancellationToken)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        await using var row = await select.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            counts[row.GetString(0)] = row.GetInt64(1);
        return counts;
    }

    private static SaleRow ReadRow(NpgsqlDataReader row) =>
        new(
            row.GetString(0),
            row.GetString(1),
            row.GetString(2),
            row.GetGuid(3),
            row.GetString(4),
            row.GetString(5),
            row.GetDecimal(6),
            row.GetString(7),
            row.TextOrNull(8),
            row.GetFieldValue<DateTimeOffset>(9),
            row.GetFieldValue<DateTimeOffset>(10),
            row.ValueOrNull<bool>(11),
            row.TextOrNull(12),
            row.ValueOrNull<double>(13),
            row.TextOrNull(14),
            row.GetString(15),
            row.TextOrNull(16),
            row.ValueOrNull<DateTimeOffset>(17),
            row.TextOrNull(18),
            row.TextOrNull(19)
        )
        {
            FunnelId = row.TextOrNull(20),
        };
}
