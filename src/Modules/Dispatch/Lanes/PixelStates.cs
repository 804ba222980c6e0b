using System.Security.Cryptography;
using System.Text;
using Npgsql;
using TrackAi.Contracts;
using TrackAi.Dispatch.Queue;
using TrackAi.EventStore;

namespace TrackAi.Dispatch.Lanes;

/// <summary>What keeps a pixel, or Meta as a whole, from being sent to: shared by all hosts, and told in the log when it changes.</summary>
internal sealed class PixelStates(PostgresEventStore store, NpgsqlDataSource dataSource, TimeProvider time)
{
    /// <summary>The row of Meta as a whole.</summary>
    public static readonly Lane Meta = new("", "");

    /// <summary>Twelve hexadecimal digits that tell one token from another.</summary>
    public static string Fingerprint(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)))[..12];

    /// <summary>Pauses a pixel unless it is paused already; returns whether it was not.</summary>
    public Task<bool> PauseAsync(Lane lane, PixelPaused paused, CancellationToken cancellationToken) =>
        ChangeAsync(
            lane,
            """
            insert into dispatch_pixel as p (tenant_id, pixel_id, paused_at, pause_reason, pause_error, token_fingerprint)
            values ($1, $2, $3, $4, $5, $6)
            on conflict (tenant_id, pixel_id) do update set
                paused_at = excluded.paused_at, pause_reason = excluded.pause_reason, pause_error = excluded.pause_error,
                token_fingerprint = excluded.token_fingerprint
            where p.paused_at is null
            returning 1
            """,
            [paused.PausedAt, paused.Reason, paused.Error, (object?)paused.TokenFingerprint ?? DBNull.Value],
            paused,
            cancellationToken
        );

    /// <summary>Lets a paused pixel be sent to again; returns whether it was paused.</summary>
    /// <param name="cause"><c>token_changed</c> or <c>command</c>.</param>
    public Task<bool> ResumeAsync(Lane lane, string cause, CancellationToken cancellationToken) =>
        ChangeAsync(
            lane,
            $"""
            update dispatch_pixel
            set paused_at = null, pause_reason = null, pause_error = null, throttled_until = null, token_checked_at = null
            where tenant_id = $1 and pixel_id = $2 and paused_at is not null
            returning pg_notify('{PostgresQueue.Channel}', '')::text
            """,
            [],
            new PixelResumed(lane.PixelId, cause, time.GetUtcNow()),
            cancellationToken
        );

    /// <summary>Leaves a pixel alone for a while.</summary>
    public async Task ThrottleAsync(Lane lane, DateTimeOffset until, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(
            """
            insert into dispatch_pixel as p (tenant_id, pixel_id, throttled_until) values ($1, $2, $3)
            on conflict (tenant_id, pixel_id) do update set throttled_until = greatest(p.throttled_until, excluded.throttled_until)
            """
        );
        foreach (var value in (object[])[lane.TenantId, lane.PixelId, until])
            command.Parameters.Add(new() { Value = value });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Tells all hosts what a circuit does. Only its opening and its closing are events: a probe that failed changes nothing.</summary>
    /// <param name="lane"><see cref="Meta"/> for Meta as a whole.</param>
    public async Task CircuitAsync(Lane lane, CircuitChange change, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (change.Until is { } until)
            await ChangeAsync(
                lane,
                """
                with before as (select circuit from dispatch_pixel where tenant_id = $1 and pixel_id = $2)
                insert into dispatch_pixel as p (tenant_id, pixel_id, circuit, circuit_since, circuit_error, circuit_until)
                values ($1, $2, 'open', $3, $4, $5)
                on conflict (tenant_id, pixel_id) do update set
                    circuit = 'open', circuit_error = excluded.circuit_error, circuit_until = excluded.circuit_until,
                    circuit_since = case when p.circuit = 'open' then p.circuit_since else excluded.circuit_since end
                returning case when not exists (select from before where circuit = 'open') then 1 end
                """,
                [now, change.Error, until],
                lane == Meta
                    ? new MetaCircuitOpened(change.Error, until, now)
                    : new PixelCircuitOpened(lane.PixelId, change.Error, until, now),
                cancellationToken
            );
        else
            await ChangeAsync(
                lane,
                $"""
                update dispatch_pixel
                set circuit = 'closed', circuit_since = $3, circuit_error = null, circuit_until = null
                where tenant_id = $1 and pixel_id = $2 and circuit = 'open'
                returning pg_notify('{PostgresQueue.Channel}', '')::text
                """,
                [now],
                lane == Meta ? new MetaCircuitClosed(now) : new PixelCircuitClosed(lane.PixelId, now),
                cancellationToken
            );
    }

    /// <summary>Pixels that are paused, with the fingerprint of the token they were paused with.</summary>
    public async Task<IReadOnlyList<(Lane Lane, string Reason, string? TokenFingerprint)>> ReadPausedAsync(
        CancellationToken cancellationToken
    )
    {
        await using var command = dataSource.CreateCommand(
            "select tenant_id, pixel_id, pause_reason, token_fingerprint from dispatch_pixel where paused_at is not null"
        );
        var paused = new List<(Lane, string, string?)>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            paused.Add(
                (new Lane(reader.GetString(0), reader.GetString(1)), reader.GetString(2), reader.IsDBNull(3) ? null : reader.GetString(3))
            );
        return paused;
    }

    // The row and its event in one transaction; the event only where the row changed.
    private async Task<bool> ChangeAsync(
        Lane lane,
        string sql,
        IReadOnlyList<object> values,
        object fact,
        CancellationToken cancellationToken
    )
    {
        await using var session = await store.OpenSessionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, session.Connection);
        foreach (var value in (IEnumerable<object>)[lane.TenantId, lane.PixelId, .. values])
            command.Parameters.Add(new() { Value = value });
        if (await command.ExecuteScalarAsync(cancellationToken) is null or DBNull)
        {
            await session.CommitAsync(cancellationToken);
            return false;
        }

        var stream = lane == Meta ? new StreamId(Streams.NoTenant, Streams.Meta) : new StreamId(lane.TenantId, Streams.Pixel(lane.PixelId));
        session.Append(new Append(stream, [fact]));
        await session.CommitAsync(cancellationToken);
        return true;
    }
}
