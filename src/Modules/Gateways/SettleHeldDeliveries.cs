using System.Security.Cryptography;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Gateways;

/// <summary>
/// Records deliveries that waited for another one, once their time is up: with the sale they turned out to belong to, or as one of their own. A
/// host that dies half-way leaves them to the next, and nothing counts twice.
/// </summary>
internal sealed partial class SettleHeldDeliveries(
    NpgsqlDataSource dataSource,
    GatewayRegistry gateways,
    RecordDelivery record,
    IPersonalData people,
    ITenantDirectory tenants,
    TimeProvider time,
    ILogger<SettleHeldDeliveries> logger
) : BackgroundService
{
    private const int PageSize = 100;

    // Another host may have taken in what is due next.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromSeconds(30);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var pause = Longest;
            try
            {
                pause = await SettleDueAsync(stoppingToken);
            }
            // Whatever it was: a loop that ends takes the host with it, and the next host would end at the same delivery.
            catch (Exception exception) when (exception is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
            {
                LogFailed(logger, exception);
            }
            await Task.Delay(pause, time, stoppingToken);
        }
    }

    /// <returns>How long nothing will be due, as far as is known.</returns>
    private async Task<TimeSpan> SettleDueAsync(CancellationToken cancellationToken)
    {
        await using var next = dataSource.CreateCommand("select min(due_at) from held_delivery");
        var due = await next.ExecuteScalarAsync(cancellationToken);
        if (due is not DateTime first)
            return Longest;
        var left = first - time.GetUtcNow().UtcDateTime;
        if (left > TimeSpan.Zero)
            return TimeSpan.FromTicks(Math.Clamp(left.Ticks, Shortest.Ticks, Longest.Ticks));
        while (await SettleAsync(cancellationToken) == PageSize) { }
        return Shortest;
    }

    /// <returns>How many were settled.</returns>
    private async Task<int> SettleAsync(CancellationToken cancellationToken)
    {
        var due = await TakeDueAsync(cancellationToken);
        if (due.Count == 0)
            return 0;
        var opened = await OpenAsync(due, cancellationToken);
        // Of one payment told several times the delivery that knows the buyer begins the sale.
        var told = opened
            .Select(one => Told(one.Held, one.Body))
            .OrderByDescending(one => one.Translation is Translation.Sale { ClickIds.Count: > 0 })
            .ThenByDescending(one => one.Translation is Translation.Sale { Buyer.Email: not null })
            .ThenBy(one => one.Held.ReceivedAt);
        foreach (var one in told)
        {
            if (one.Translation is { } translation)
                await SettleAsync(one.Held, translation, one.Delivery!, cancellationToken);
            await ForgetAsync(one.Held, cancellationToken);
        }

        return due.Count;
    }

    private async Task SettleAsync(
        HeldDelivery held,
        Translation translation,
        WebhookDelivery delivery,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await record.TryAsync(held.TenantId, held.Gateway, translation, delivery, isSettled: true, cancellationToken);
        }
        catch (Exception exception) when (RecordDelivery.WhyRefused(exception) is { } reason)
        {
            await record.KeepHeldAsync(held, delivery, reason, cancellationToken);
        }
    }

    // One that does not open stays where it is, and nobody waits for it.
    private async Task<List<(HeldDelivery Held, byte[]? Body)>> OpenAsync(List<HeldDelivery> due, CancellationToken cancellationToken)
    {
        var opened = new List<(HeldDelivery, byte[]?)>(due.Count);
        foreach (var held in due)
        {
            try
            {
                var part = new ProtectedPart(held.TenantId, held.StreamId, held.Body);
                opened.Add((held, (await people.OpenContentAsync([part], cancellationToken))[0]));
            }
            catch (CryptographicException damage)
            {
                LogDamaged(logger, held.TenantId, held.StreamId, damage);
            }
        }
        return opened;
    }

    // Null when the person was erased meanwhile: there is nothing left to read.
    private (HeldDelivery Held, WebhookDelivery? Delivery, Translation? Translation) Told(HeldDelivery held, byte[]? body)
    {
        if (body is null || gateways.Find(held.Gateway) is not { } gateway)
            return (held, null, null);
        var delivery = new WebhookDelivery(
            body,
            new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase),
            new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase),
            held.ReceivedAt
        )
        {
            Amount = tenants.FindConnection(held.TenantId, held.Gateway)?.Amount,
        };
        return (held, delivery, gateway.Translate(delivery));
    }

    // With those that are due come the others of the same sale. What is taken is due again later, should we not live to see it through.
    private async Task<List<HeldDelivery>> TakeDueAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        await using var take = dataSource.CreateCommand(
            """
            update held_delivery set due_at = $2
            where (tenant_id, stream_id) in (
                select o.tenant_id, o.stream_id from held_delivery o
                where exists (
                    select from held_delivery d
                    where d.due_at <= $1 and (d.tenant_id, d.gateway, d.order_id) = (o.tenant_id, o.gateway, o.order_id))
                order by o.due_at limit $3 for update skip locked)
            returning tenant_id, stream_id, gateway, order_id, received_at, due_at, body
            """
        );
        take.Parameters.AddWithValue(now);
        take.Parameters.AddWithValue(now + TryAgainAfter);
        take.Parameters.AddWithValue(PageSize);
        var held = new List<HeldDelivery>();
        await using var reader = await take.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            held.Add(
                new HeldDelivery(
                    reader.GetString(0),
                    reader.GetString(1),
                    reader.GetString(2),
                    reader.GetString(3),
                    reader.GetFieldValue<DateTimeOffset>(4),
                    reader.GetFieldValue<DateTimeOffset>(5),
                    reader.GetString(6)
                )
            );
        return held;
    }

    private async Task ForgetAsync(HeldDelivery held, CancellationToken cancellationToken)
    {
        await using var delete = dataSource.CreateCommand("delete from held_delivery where tenant_id = $1 and stream_id = $2");
        delete.Parameters.AddWithValue(held.TenantId);
        delete.Parameters.AddWithValue(held.StreamId);
        await delete.ExecuteNonQueryAsync(cancellationToken);
    }

    [LoggerMessage(3001, LogLevel.Warning, "Held deliveries could not be recorded; trying again. Check that Postgres is up.")]
    private static partial void LogFailed(ILogger logger, Exception exception);

    [LoggerMessage(
        3010,
        LogLevel.Error,
        "The held delivery {Tenant}/{Stream} does not open and is not recorded. Restore its row of stream_key or held_delivery from a backup, or have the gateway send it again."
    )]
    private static partial void LogDamaged(ILogger logger, string tenant, string stream, Exception exception);
}
