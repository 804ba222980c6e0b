using System.Collections.Concurrent;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>
/// Clicks and sales, up to 240 a second, and a note of each that was acknowledged: what the product may never lose. Senders try again as gateways and
/// browsers do, with the same bytes.
/// </summary>
internal sealed class Accounts(TrackAiServer server, Seller seller)
{
    // As a busy shop sells, not as fast as the machine can: whatever is taken is matched, sent and counted before a test ends.
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(25);

    private readonly ConcurrentQueue<string> orders = new();
    private readonly ConcurrentQueue<string> clicks = new();
    private readonly ConcurrentQueue<int> codes = new();

    public IReadOnlyCollection<string> Orders => orders;

    /// <summary>Every status code that was answered.</summary>
    public IReadOnlyCollection<int> Codes => codes;

    /// <summary>Sends from several senders until cancelled or until the host is gone.</summary>
    public Task SendAsync(HttpClient[] hosts, CancellationToken until, int senders = 6) =>
        Task.WhenAll(Enumerable.Range(0, senders).Select(sender => SendAsync(hosts[sender % hosts.Length], until)));

    /// <summary>Everything acknowledged is in the log, and every sale in the log is at Meta, under one id, confirmed once.</summary>
    public async Task BalanceAsync()
    {
        await server.Host.SettledAsync();
        var streams = await server.Database.ScalarAsync<string[]>(
            "select array_agg(id::text) from mt_streams where tenant_id = $1",
            seller.Tenant
        );
        orders.Select(order => $"conversion-perfectpay-{order}").Except(streams).ShouldBeEmpty("an acknowledged sale was lost");
        clicks.Select(click => $"click-{click}").Except(streams).ShouldBeEmpty("an acknowledged click was lost");

        var stored = streams.Where(stream => stream.StartsWith("conversion-", StringComparison.Ordinal)).ToArray();
        var arrived = server
            .Meta.Received.Where(received => received.Pixel == seller.PixelId)
            .Select(received => $"conversion-perfectpay-{received.Event.GetProperty("custom_data").GetProperty("order_id").GetString()}")
            .ToArray();
        arrived.Distinct().Count().ShouldBe(arrived.Length, "a sale reached Meta under two ids");
        arrived.ShouldBe(stored, ignoreOrder: true);
        (
            await server.Database.ScalarAsync<long>(
                "select count(*) from (select from mt_events where tenant_id = $1 and type = 'dispatch_succeeded' group by stream_id having count(*) = 1) s",
                seller.Tenant
            )
        ).ShouldBe(stored.Length);
        (
            await server.Database.ScalarAsync<long>(
                "select count(*) from conversion where tenant_id = $1 and dispatch_status = 'sent'",
                seller.Tenant
            )
        ).ShouldBe(stored.Length);
    }

    private async Task SendAsync(HttpClient http, CancellationToken until)
    {
        using var pace = new PeriodicTimer(Pace);
        try
        {
            while (!until.IsCancellationRequested)
            {
                var click = await seller.TrackAsync("click", new { utm_source = "FB" }, http);
                codes.Enqueue(click.Code);
                var id = click.Code == 201 ? click.Json.GetProperty("id").GetString()! : null;
                if (id is not null)
                    clicks.Enqueue(id);
                var order = seller.NewOrder();
                var sale = await seller.DeliverAsync(Seller.Sale(order, clickId: id), http);
                codes.Enqueue(sale.Code);
                if (sale.Code == 202)
                    orders.Enqueue(order);
                await pace.WaitForNextTickAsync(CancellationToken.None);
            }
        }
        catch (HttpRequestException)
        {
            // The host is gone: what it was sent last was not acknowledged.
        }
    }
}
