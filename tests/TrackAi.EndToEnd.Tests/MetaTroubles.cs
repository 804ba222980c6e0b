using TrackAi.MetaStandIn;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>What Meta may answer instead of taking a sale, by whatever way it came to be sent: it is sent in the end, once, under its own id.</summary>
public abstract class MetaTroubles(TrackAiServer server)
{
    public static TheoryData<string, MetaFault> Troubles =>
        new()
        {
            { "the connection is reset", MetaFault.Reset() },
            { "500", MetaFault.Error(500, 1) },
            { "503 of a proxy", MetaFault.Html(503) },
            { "a page of a proxy's that says 200", MetaFault.Html(200) },
            { "JSON cut off", MetaFault.TruncatedJson() },
            { "an answer cut off", MetaFault.CutBody() },
            { "an endless answer", MetaFault.HugeBody() },
            { "no answer", MetaFault.Hang() with { Times = 1 } },
            { "throttled", MetaFault.Error(429, 4) },
            { "fewer received than sent", MetaFault.FewerReceived() },
            { "slow", MetaFault.Delay(TimeSpan.FromMilliseconds(300)) },
            { "slower than we wait", MetaFault.Delay(TimeSpan.FromMinutes(1)) with { Times = 1 } },
        };

    [Theory]
    [MemberData(nameof(Troubles), DisableDiscoveryEnumeration = true)]
    public async Task Whatever_Meta_answers_the_sale_is_sent_once_it_is_well_again(string what, MetaFault fault)
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        server.Meta.Inject(fault with { Pixel = seller.PixelId, Times = fault.Times ?? 3 });

        (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);

        await server.Host.SettledAsync();
        var purchase = server.AtMeta(order).ShouldHaveSingleItem(what);
        purchase.EventId.ShouldBe(seller.EventId("perfectpay", order).ToString());
        (await AttemptsAsync(seller)).ShouldBe(
            [.. Enumerable.Repeat("failed", (fault.Kind == MetaFaultKind.Delay && fault.Times is null) ? 0 : fault.Times ?? 3), "sent"],
            what
        );
    }

    [Fact]
    public async Task What_Meta_took_without_telling_us_is_sent_again_under_the_same_id()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        server.Meta.Inject(MetaFault.Reset() with { Pixel = seller.PixelId, Times = 1, AcceptFirst = true });

        (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);

        await server.Host.SettledAsync();
        server.AtMeta(order).ShouldHaveSingleItem().Times.ShouldBe(2);
        (await AttemptsAsync(seller)).ShouldBe(["failed", "sent"]);
    }

    [Fact]
    public async Task A_storm_of_throttling_over_every_pixel_is_sat_out_and_nothing_is_given_up()
    {
        var sellers = new[] { await server.NewSellerAsync(), await server.NewSellerAsync(), await server.NewSellerAsync() };
        foreach (var seller in sellers)
            server.Meta.Inject(MetaFault.Error(429, 4) with { Pixel = seller.PixelId, Times = 10 });
        var sales = sellers.SelectMany(seller => Enumerable.Range(0, 30).Select(_ => (Seller: seller, Order: seller.NewOrder()))).ToArray();

        var answers = await Task.WhenAll(sales.Select(sale => sale.Seller.DeliverAsync(Seller.Sale(sale.Order))));

        answers.ShouldAllBe(answer => answer.Code == 202);
        await server.Host.SettledAsync();
        foreach (var (seller, order) in sales)
            server.AtMeta(order).ShouldHaveSingleItem().EventId.ShouldBe(seller.EventId("perfectpay", order).ToString());
        foreach (var seller in sellers)
        {
            var attempts = await AttemptsAsync(seller);
            attempts.Count(status => status == "sent").ShouldBe(30);
            attempts.ShouldContain("failed", "the storm was felt");
            attempts.ShouldNotContain("dead");
        }
    }

    protected async Task<string[]> AttemptsAsync(Seller seller)
    {
        await server.Host.ProjectedAsync();
        return await server.Database.ScalarAsync<string[]>(
                "select array_agg(status::text order by sequence) from dispatch_attempt where tenant_id = $1",
                seller.Tenant
            ) ?? [];
    }
}

/// <summary>The same with SQS between the log and the senders.</summary>
public sealed class SqsMetaTroubleTests(SqsMetaTroubleTests.Impatient server)
    : MetaTroubles(server),
        IClassFixture<SqsMetaTroubleTests.Impatient>
{
    public sealed class Impatient : SqsTests.BySqs
    {
        public override IReadOnlyDictionary<string, string?> Settings =>
            new Dictionary<string, string?>(base.Settings, StringComparer.OrdinalIgnoreCase) { ["Meta:TimeoutSeconds"] = "5" };
    }
}
