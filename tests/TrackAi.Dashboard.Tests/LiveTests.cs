using Microsoft.Extensions.DependencyInjection;
using TrackAi.Dashboard.Live;
using TrackAi.Testing;

namespace TrackAi.Dashboard.Tests;

/// <summary>Open pages hear of what moved.</summary>
public sealed class LiveTests(DashboardServer server) : IClassFixture<DashboardServer>
{
    private LiveFeed Feed => server.Host.Services.GetRequiredService<LiveFeed>();

    [Fact]
    public async Task What_moved_between_a_pages_reading_and_its_listening_is_told_to_it()
    {
        var seller = await server.NewSellerAsync();
        var place = await Feed.ReadPlaceAsync(CancellationToken.None);
        await seller.DeliverAsync(Seller.Sale(seller.NewOrder()));
        await server.Host.SettledAsync();
        var told = new TaskCompletionSource();

        using var watch = Feed.Watch(
            place,
            () =>
            {
                told.TrySetResult();
                return Task.CompletedTask;
            }
        );

        await told.Task.WaitAsync(Eventually.Patience);
    }

    [Fact]
    public async Task A_page_that_is_left_while_it_is_told_keeps_nobody_else_from_being_told()
    {
        var told = 0;
        using var left = Feed.Watch("", () => Task.FromException(new OperationCanceledException()));
        using var stays = Feed.Watch(
            "",
            () =>
            {
                Interlocked.Increment(ref told);
                return Task.CompletedTask;
            }
        );
        await Eventually.TrueAsync(() => Task.FromResult(Volatile.Read(ref told) > 0), "the look that finds them both to be over");

        var seller = await server.NewSellerAsync();
        var before = Volatile.Read(ref told);
        await seller.DeliverAsync(Seller.Sale(seller.NewOrder()));

        await Eventually.TrueAsync(() => Task.FromResult(Volatile.Read(ref told) > before), "the feed goes on");
    }
}
