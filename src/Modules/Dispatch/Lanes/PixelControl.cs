using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;
using TrackAi.Dispatch.Queue;

namespace TrackAi.Dispatch.Lanes;

/// <inheritdoc cref="IPixelControl"/>
internal sealed class PixelControl(PixelStates states, CheckToken check, NpgsqlDataSource dataSource, TimeProvider time) : IPixelControl
{
    public Task<TokenCheck> CheckTokenAsync(string tenant, string pixelId, CancellationToken cancellationToken) =>
        check.AskAsync(tenant, pixelId, cancellationToken);

    public Task<bool> ResumeAsync(string tenant, string pixelId, CancellationToken cancellationToken) =>
        states.ResumeAsync(new Lane(tenant, pixelId), "command", cancellationToken);

    public async Task<IReadOnlyList<PixelCondition>> ListAsync(string? tenant, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(
            """
            with waiting as (
                select tenant_id, pixel_id, count(*) waiting, min(expires_at) next_expiry
                from dispatch_queue where $1::varchar is null or tenant_id = $1 group by tenant_id, pixel_id
            )
            select coalesce(p.tenant_id, w.tenant_id) tenant_id, coalesce(p.pixel_id, w.pixel_id) pixel_id,
                   p.paused_at, p.pause_reason, p.pause_error, p.throttled_until, p.circuit, p.circuit_since, p.circuit_until, p.circuit_error,
                   coalesce(w.waiting, 0), w.next_expiry,
                   case when p.pause_reason = 'token' then 'invalid' else p.token_alert end, p.token_expires_at, p.token_checked_at
            from dispatch_pixel p
            full join waiting w on w.tenant_id = p.tenant_id and w.pixel_id = p.pixel_id
            where $1::varchar is null or coalesce(p.tenant_id, w.tenant_id) in ($1, '')
            order by 1, 2
            """
        );
        command.Parameters.Add(new() { Value = (object?)tenant ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar });
        var found = new List<PixelCondition>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            found.Add(Read(reader, time.GetUtcNow()));
        return found;
    }

    private static PixelCondition Read(NpgsqlDataReader row, DateTimeOffset now)
    {
        var (pausedAt, throttledUntil) = (Time(row, 2), Time(row, 5));
        var state =
            pausedAt is not null ? "paused"
            : Text(row, 6) == "open" ? "circuit_open"
            : throttledUntil > now ? "throttled"
            : "ok";
        return new PixelCondition(
            row.GetString(0),
            row.GetString(1),
            state,
            Text(row, 3),
            pausedAt ?? (state == "circuit_open" ? Time(row, 7) : null),
            state switch
            {
                "circuit_open" => Time(row, 8),
                "throttled" => throttledUntil,
                _ => null,
            },
            state switch
            {
                "paused" => Text(row, 4),
                "circuit_open" => Text(row, 9),
                _ => null,
            },
            row.GetInt64(10),
            Time(row, 11),
            Text(row, 12),
            Time(row, 13),
            Time(row, 14)
        );
    }

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static DateTimeOffset? Time(NpgsqlDataReader row, int column) =>
        row.IsDBNull(column) ? null : row.GetFieldValue<DateTimeOffset>(column);
}
