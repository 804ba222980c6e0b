using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Dispatch.Lanes;

/// <summary>Keeps what Meta said of a token, and tells when somebody has to see to it, or no longer has to.</summary>
internal sealed partial class TokenStandings(PostgresEventStore store, TimeProvider time, ILogger<TokenStandings> logger)
{
    /// <summary>What Meta did not say changes nothing.</summary>
    public async Task RecordAsync(string tenant, Pixel pixel, TokenStanding standing, CancellationToken cancellationToken)
    {
        if (!standing.IsKnown)
            return;
        var now = time.GetUtcNow();
        var alert = standing.AlertAt(now);
        await using var session = await store.OpenSessionAsync(cancellationToken);
        await using var update = new NpgsqlCommand(
            """
            with before as (select token_alert from dispatch_pixel where tenant_id = $1 and pixel_id = $2 for update),
            change as materialized (select (select token_alert from before) is distinct from $3 as is_news)
            insert into dispatch_pixel (tenant_id, pixel_id, token_alert, token_expires_at, token_checked_at) select $1, $2, $3, $4, $5 from change
            on conflict (tenant_id, pixel_id) do update
            set token_alert = excluded.token_alert, token_expires_at = excluded.token_expires_at, token_checked_at = excluded.token_checked_at
            returning (select is_news from change)
            """,
            session.Connection
        )
        {
            Parameters =
            {
                new() { Value = tenant },
                new() { Value = pixel.PixelId },
                new() { Value = (object?)alert ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar },
                new() { Value = (object?)standing.ExpiresAt ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz },
                new() { Value = now },
            },
        };
        if (await update.ExecuteScalarAsync(cancellationToken) is true)
        {
            object fact = alert is null
                ? new PixelTokenAlertCleared(pixel.PixelId, now)
                : new PixelTokenAlertRaised(pixel.PixelId, alert, standing.ExpiresAt, now);
            session.Append(new Append(new StreamId(tenant, Streams.Pixel(pixel.PixelId)), [fact]));
            if (alert is not null)
                LogAlert(logger, pixel.PixelId, tenant, alert);
        }

        await session.CommitAsync(cancellationToken);
    }

    [LoggerMessage(
        2022,
        LogLevel.Error,
        "The token of pixel {Pixel} of tenant {Tenant}: {Alert}. Make a new one and set it ('pixels set')."
    )]
    private static partial void LogAlert(ILogger logger, string pixel, string tenant, string alert);
}
