using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using TrackAi.Analytics.Projections;

namespace TrackAi.Analytics.Http;

/// <summary>GET /api/v1/analytics/conversions: conversions by the time they reached us, the latest first. A page costs the same wherever it is.</summary>
internal static class ListConversions
{
    public static async Task<Ok<Page<Row>>> HandleAsync(
        string? period,
        string? from,
        string? to,
        string? gateway,
        string? status,
        string? limit,
        string? cursor,
        HttpContext http,
        Periods periods,
        NpgsqlDataSource dataSource,
        CancellationToken cancellationToken
    )
    {
        var tenant = Caller.TenantOf(http);
        var days = periods.Read(tenant, period, from, to);
        var most = Parameters.Limit(limit);
        await using var select = Select(
            dataSource,
            tenant,
            days,
            Parameters.Gateway(gateway),
            Parameters.Status(status, DispatchStatus.All),
            Cursor.Read(cursor),
            most + 1
        );

        var rows = new List<Row>();
        await using var row = await select.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            rows.Add(ReadRow(row));
        return TypedResults.Ok(Page<Row>.Of(rows, most, last => new(last.ReceivedAt, last.ConversionId)));
    }

    // Conditions are put together rather than made optional in one statement, because each form has its own index.
    private static NpgsqlCommand Select(
        NpgsqlDataSource dataSource,
        string tenant,
        Period period,
        string? gateway,
        string? status,
        Cursor? after,
        int limit
    )
    {
        var command = dataSource.CreateCommand();
        var conditions = new List<string>
        {
            $"tenant_id = {Given(tenant)}",
            $"received_at >= {Given(period.Start)}",
            $"received_at < {Given(period.End)}",
        };
        if (gateway is not null)
            conditions.Add($"gateway = {Given(gateway)}");
        if (status is not null)
            conditions.Add($"dispatch_status = {Given(status)}");
        if (status is not (null or DispatchStatus.Sent))
            conditions.Add("dispatch_status <> 'sent'");
        if (after is not null)
            conditions.Add($"(received_at, conversion_id) < ({Given(after.At)}, {Given(after.Id)})");

        command.CommandText = $"""
            select
                conversion_id, gateway, order_id, event_id, kind, state, amount, currency, product_id, occurred_at, received_at, matched, match_rule,
                match_score, click_id, dispatch_status, dispatch_reason, sent_at
            from conversion
            where {string.Join(" and ", conditions)}
            order by received_at desc, conversion_id desc
            limit {Given(limit)}
            """;
        return command;

        string Given(object value)
        {
            command.Parameters.Add(new() { Value = value });
            return $"${command.Parameters.Count}";
        }
    }

    private static Row ReadRow(NpgsqlDataReader row) =>
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
            row.ValueOrNull<DateTimeOffset>(17)
        );

    /// <param name="Amount">In major units of <paramref name="Currency"/>.</param>
    /// <param name="Matched">Null until it was decided.</param>
    /// <param name="DispatchStatus"><c>waiting</c>, <c>failed</c>, <c>sent</c>, <c>skipped</c> or <c>dead</c>.</param>
    internal sealed record Row(
        string ConversionId,
        string Gateway,
        string OrderId,
        Guid EventId,
        string Kind,
        string State,
        decimal Amount,
        string Currency,
        string? ProductId,
        DateTimeOffset OccurredAt,
        DateTimeOffset ReceivedAt,
        bool? Matched,
        string? MatchRule,
        double? MatchScore,
        string? ClickId,
        string DispatchStatus,
        string? DispatchReason,
        DateTimeOffset? SentAt
    );
}
