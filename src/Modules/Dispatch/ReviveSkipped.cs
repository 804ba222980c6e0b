using Npgsql;
using TrackAi.Contracts;
using TrackAi.Dispatch.Queue;
using TrackAi.EventStore;

namespace TrackAi.Dispatch;

/// <summary>
/// Sales that were skipped for want of a pixel are decided again once they have one, as long as Meta would take them and they are still paid. The
/// skip stays in the log, and the request after it.
/// </summary>
internal sealed class ReviveSkipped(PostgresEventStore store, NpgsqlDataSource dataSource, ITenantDirectory tenants, TimeProvider time)
{
    private sealed record Skipped(string TenantId, string ConversionId, string Gateway, string? ProductId);

    /// <summary>Remembers a sale that had no pixel.</summary>
    public static async Task RememberAsync(
        NpgsqlConnection connection,
        string tenant,
        ConversionReceived received,
        DateTimeOffset expiresAt,
        CancellationToken cancellationToken
    )
    {
        await using var insert = new NpgsqlCommand(
            """
            insert into dispatch_no_pixel (tenant_id, conversion_id, gateway, product_id, expires_at) values ($1, $2, $3, $4, $5)
            on conflict do nothing
            """,
            connection
        );
        foreach (
            var value in (object[])[tenant, received.ConversionId, received.Gateway, (object?)received.ProductId ?? DBNull.Value, expiresAt]
        )
            insert.Parameters.Add(new() { Value = value });
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }

    public async Task HandleAsync(CancellationToken cancellationToken)
    {
        foreach (var skipped in await ReadAsync(cancellationToken))
            if (tenants.RoutePixels(skipped.TenantId, skipped.Gateway, skipped.ProductId) is { Count: > 0 } pixels)
                await ReviveAsync(skipped, pixels, cancellationToken);
    }

    private async Task<IReadOnlyList<Skipped>> ReadAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        await using var batch = dataSource.CreateBatch();
        batch.BatchCommands.Add(
            new NpgsqlBatchCommand("delete from dispatch_no_pixel where expires_at <= $1") { Parameters = { new() { Value = now } } }
        );
        batch.BatchCommands.Add(
            new NpgsqlBatchCommand(
                "select tenant_id, conversion_id, gateway, product_id from dispatch_no_pixel order by tenant_id, conversion_id"
            )
        );
        var skipped = new List<Skipped>();
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            skipped.Add(
                new Skipped(reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.IsDBNull(3) ? null : reader.GetString(3))
            );
        return skipped;
    }

    private async Task ReviveAsync(Skipped skipped, IReadOnlyList<string> pixels, CancellationToken cancellationToken)
    {
        await using var session = await store.OpenSessionAsync(cancellationToken);
        // Whoever removes the row decides.
        await using var remove = new NpgsqlCommand(
            "delete from dispatch_no_pixel where tenant_id = $1 and conversion_id = $2",
            session.Connection
        )
        {
            Parameters =
            {
                new() { Value = skipped.TenantId },
                new() { Value = skipped.ConversionId },
            },
        };
        if (await remove.ExecuteNonQueryAsync(cancellationToken) == 0)
            return;

        var stream = new StreamId(skipped.TenantId, Streams.Conversion(skipped.ConversionId));
        var events = await session.ReadStreamsAsync([stream], cancellationToken);
        var conversion = ConversionToDispatch.From(events[stream]);
        var now = time.GetUtcNow();
        var decision = DispatchDecision.Revive(conversion, pixels, now);
        if (decision.Count > 0)
            session.Append(new Append(stream, [.. decision]) { ExpectedVersion = events[stream].Last().Version });
        await PostgresQueue.EnqueueAsync(
            session.Connection,
            RequestDispatches.Queued(skipped.TenantId, conversion, decision, now, now),
            cancellationToken
        );
        await session.CommitAsync(cancellationToken);
    }
}
