using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using TrackAi.Testing;

namespace TrackAi.EventStore.Tests;

/// <summary>The largest things that the store promises to hold.</summary>
public sealed class LargeTests(OrdersDatabase database) : IClassFixture<OrdersDatabase>
{
    private const int Mebibyte = 1024 * 1024;
    private static readonly DateTimeOffset Day = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task A_stream_of_a_hundred_thousand_events_is_read_aggregated_and_appended_to()
    {
        const int Events = 100_000;
        await using var host = await database.StartAsync(daemon: false);
        var stream = Orders.Stream("hundred-thousand");
        await ImporterOf(host)
            .ImportAsync(Enumerable.Range(1, Events).Select(amount => new ImportedEvent(stream, new OrderPaid(amount), Day)));

        var read = await host.Store.ReadStreamAsync(stream);
        var total = await host.Store.AggregateStreamAsync<OrderPaid>(
            stream,
            (sum, paid) => new OrderPaid((sum?.Amount ?? 0) + ((OrderPaid)paid).Amount)
        );
        var outdated = await host.Store.AppendAsync(new Append(stream, [new OrderPaid(0)]) { ExpectedVersion = Events - 1 });
        var appended = await host.Store.AppendAsync(
            new Append(stream, [.. Enumerable.Repeat<object>(new OrderPaid(0), 100)]) { ExpectedVersion = Events }
        );

        read.Select(recorded => recorded.Version).ShouldBe(Enumerable.Range(1, Events).Select(version => (long)version));
        read.Select(recorded => ((OrderPaid)recorded.Data).Amount).ShouldBe(Enumerable.Range(1, Events).Select(amount => (decimal)amount));
        total.ShouldNotBeNull().Amount.ShouldBe(5_000_050_000);
        outdated.ShouldBe(new AppendResult.WrongExpectedVersion(Events - 1, Events));
        appended.ShouldBeOfType<AppendResult.Appended>().Version.ShouldBe(Events + 100);
        (await host.Store.ReadStreamAsync(stream)).Count.ShouldBe(Events + 100);
    }

    [Fact]
    public async Task Events_of_exactly_one_mebibyte_are_stored_and_read_and_one_byte_more_is_refused_by_name()
    {
        await using var host = await database.StartAsync(daemon: false);
        var (fits, tooLarge) = (OfBytes(Mebibyte), OfBytes(Mebibyte + 1));

        // Several at once, in one batch and in one append.
        var results = await Task.WhenAll(
            Enumerable.Range(0, 12).Select(index => host.Store.AppendAsync(new Append(Orders.Stream($"mebibyte-{index}"), [fits, fits])))
        );
        var refused = await Should.ThrowAsync<InvalidAppendException>(
            host.Store.AppendAsync(new Append(Orders.Stream("mebibyte-0"), [new OrderNoted("small"), tooLarge]))
        );
        await ImporterOf(host).ImportAsync(Enumerable.Range(0, 40).Select(_ => new ImportedEvent(Orders.Stream("mebibytes"), fits, Day)));
        var refusedImport = await Should.ThrowAsync<InvalidAppendException>(
            ImporterOf(host).ImportAsync([new ImportedEvent(Orders.Stream("mebibyte-import"), tooLarge, Day)])
        );

        results.ShouldAllBe(result => result is AppendResult.Appended);
        foreach (var message in (string[])[refused.Message, refusedImport.Message])
        {
            message.ShouldContain("order_noted");
            message.ShouldContain("EventStore:MaxEventBytes");
        }
        (await host.Store.ReadStreamAsync(Orders.Stream("mebibyte-0"))).Select(recorded => recorded.Data).ShouldBe([fits, fits]);
        var imported = await host.Store.ReadStreamAsync(Orders.Stream("mebibytes"));
        imported.Count.ShouldBe(40);
        imported.ShouldAllBe(recorded => recorded.Data.Equals(fits));
        (await host.Store.ReadStreamAsync(Orders.Stream("mebibyte-import"))).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_projection_follows_events_of_one_mebibyte()
    {
        await using var host = await database.StartAsync();
        var buyer = new OrderPlaced(new string('b', Mebibyte - 100), 1);

        await ImporterOf(host)
            .ImportAsync(Enumerable.Range(0, 60).Select(index => new ImportedEvent(Orders.Stream($"heavy-{index}"), buyer, Day)));
        await host.CaughtUpAsync("OrderLog");

        (await database.ScalarAsync<long>("select count(*) from order_log where stream like 'order-heavy-%'")).ShouldBe(60);
        var largest = await database.ScalarAsync<long>(
            "select max(events) from (select count(*) as events from order_log where stream like 'order-heavy-%' group by xmin::text) pages"
        );
        largest.ShouldBeLessThanOrEqualTo(33, "a page ends after 32 MiB");
    }

    private static OrderNoted OfBytes(int bytes)
    {
        var empty = JsonSerializer.SerializeToUtf8Bytes(new { text = "" }).Length;
        return new OrderNoted(new string('x', bytes - empty));
    }

    private static EventImporter ImporterOf(TestHost host) => host.Services.GetRequiredService<EventImporter>();
}
