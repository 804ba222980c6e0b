using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using TrackAi.Analytics.Projections;

namespace TrackAi.Analytics.Http;

/// <summary>GET /api/v1/analytics/dead-letters: dispatches that were given up and not asked for again since, with Meta's last answer.</summary>
internal static class ListDeadLetters
{
    public static async Task<Ok<Page<Row>>> HandleAsync(
        string? limit,
        string? cursor,
        HttpContext http,
        NpgsqlDataSource dataSource,
        CancellationToken cancellationToken
    )
    {
        var most = Parameters.Limit(limit);
        var after = Cursor.Read(cursor);
        await using var select = dataSource.CreateCommand(
            """
            select
                dispatch_id, conversion_id, gateway, event_name, pixel_id, attempts, reason, http_status, code, subcode, error, fbtrace_id, requested_at,
                changed_at
            from dispatch
            where tenant_id = $1 and status = 'dead' and (changed_at, dispatch_id) < ($2, $3)
            order by changed_at desc, dispatch_id desc
            limit $4
            """
        );
        select.Parameters.Add(new() { Value = Caller.TenantOf(http) });
        select.Parameters.Add(new() { Value = after?.At ?? DateTimeOffset.MaxValue });
        select.Parameters.Add(new() { Value = after?.Id ?? "" });
        select.Parameters.Add(new() { Value = most + 1 });

        var rows = new List<Row>();
        await using var row = await select.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            rows.Add(
                new(
                    row.GetString(0),
                    row.GetString(1),
                    row.GetString(2),
                    row.TextOrNull(3),
                    row.GetString(4),
                    row.GetInt32(5),
                    row.TextOrNull(6),
                    row.ValueOrNull<int>(7),
                    row.ValueOrNull<int>(8),
                    row.ValueOrNull<int>(9),
                    row.TextOrNull(10),
                    row.TextOrNull(11),
                    row.ValueOrNull<DateTimeOffset>(12),
                    row.GetFieldValue<DateTimeOffset>(13)
                )
            );
        return TypedResults.Ok(Page<Row>.Of(rows, most, last => new(last.DeadAt, last.DispatchId)));
    }

    /// <param name="HttpStatus">Of the last attempt; null where Meta was not asked or gave no answer.</param>
    internal sealed record Row(
        string DispatchId,
        string ConversionId,
        string Gateway,
        string? EventName,
        string PixelId,
        int Attempts,
        string? Reason,
        int? HttpStatus,
        int? Code,
        int? Subcode,
        string? Error,
        string? FbTraceId,
        DateTimeOffset? RequestedAt,
        DateTimeOffset DeadAt
    );
}
