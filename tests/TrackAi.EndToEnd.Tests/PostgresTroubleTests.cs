using System.Net.Http.Json;
using System.Text.Json;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>Postgres gone, silent, back again: nothing is acknowledged that is not on disk, and no restart is needed.</summary>
public sealed class PostgresTroubleTests(PostgresTroubleTests.Wired server) : IClassFixture<PostgresTroubleTests.Wired>
{
    /// <summary>The host reaches its database through a wire that the test holds.</summary>
    public sealed class Wired : TrackAiServer
    {
        private Wire? wire;

        internal Wire Wire => wire ??= new Wire(Database.ConnectionString);

        public override IReadOnlyDictionary<string, string?> Settings =>
            new Dictionary<string, string?>(base.Settings, StringComparer.OrdinalIgnoreCase)
            {
                ["ConnectionStrings:TrackAi"] = Wire.ConnectionString,
                ["EventStore:AppendTimeout"] = "00:00:05",
                ["Dispatch:ClaimTime"] = "00:00:03",
            };

        public override async ValueTask DisposeAsync()
        {
            Wire.Mend();
            await base.DisposeAsync();
            await Wire.DisposeAsync();
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task While_Postgres_is_away_nothing_is_acknowledged_and_afterwards_all_goes_on(bool isCut)
    {
        var seller = await server.NewSellerAsync();
        var (before, during) = (seller.NewOrder(), seller.NewOrder());
        (await seller.DeliverAsync(Seller.Sale(before))).Code.ShouldBe(202);
        await server.Host.SettledAsync();

        if (isCut)
            server.Wire.Cut();
        else
            server.Wire.Silence();
        try
        {
            foreach (
                var answer in await Task.WhenAll(
                    seller.TrackAsync("click", new { click_id = "tk1_8fQ2mZr7Lp0Vb3Xy" }),
                    seller.TrackAsync("pageview", new { }),
                    seller.TrackAsync("initiate_checkout", new { }),
                    seller.DeliverAsync(Seller.Sale(during)),
                    seller.PostbackAsync(before, 7),
                    seller.DeliverAsync(Seller.Sale(before))
                )
            )
            {
                answer.Code.ShouldBe(503, answer.Text);
                answer.Headers.RetryAfter.ShouldNotBeNull().Delta.ShouldNotBeNull().ShouldBeGreaterThan(TimeSpan.Zero);
                answer.Json.GetProperty("status").GetInt32().ShouldBe(503);
            }
            foreach (var health in await Task.WhenAll(server.Host.Http.GetAsync("/health"), server.Host.Http.GetAsync("/health/ready")))
            {
                ((int)health.StatusCode).ShouldBe(503);
                (await health.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("db").GetString().ShouldNotBe("connected");
                health.Dispose();
            }
            using var live = await server.Host.Http.GetAsync("/health/live");
            ((int)live.StatusCode).ShouldBe(200);
        }
        finally
        {
            server.Wire.Mend();
        }

        // A sender tries again until it is acknowledged, as after any 503.
        await Eventually.TrueAsync(async () => (await seller.DeliverAsync(Seller.Sale(during))).Code == 202, "deliveries are taken again");
        await Eventually.TrueAsync(
            async () => (await seller.TrackAsync("click", new { click_id = "tk1_8fQ2mZr7Lp0Vb3Xy" })).Code == 201,
            "clicks are taken again"
        );
        await Eventually.TrueAsync(
            async () =>
            {
                using var health = await server.Host.Http.GetAsync("/health");
                return health.IsSuccessStatusCode;
            },
            "the host is healthy again"
        );
        await server.Host.SettledAsync();
        server.AtMeta(before).ShouldHaveSingleItem();
        server.AtMeta(during).ShouldHaveSingleItem();
        (
            await server.Database.ScalarAsync<long>(
                "select count(*) from mt_events where tenant_id = $1 and type in ('conversion_received', 'click_captured')",
                seller.Tenant
            )
        ).ShouldBe(3);
    }

    [Fact]
    public async Task Cut_again_and_again_under_load_nothing_acknowledged_is_lost()
    {
        var seller = await server.NewSellerAsync();
        var accounts = new Accounts(server, seller);
        using var end = new CancellationTokenSource();
        var sending = accounts.SendAsync([server.Host.Http], end.Token);
        for (var round = 1; round <= 3; round++)
        {
            var (taken, refused) = (accounts.Orders.Count, accounts.Codes.Count(code => code == 503));
            await Eventually.TrueAsync(() => Task.FromResult(accounts.Orders.Count >= taken + 30), "sales are taken");
            server.Wire.Cut();
            await Eventually.TrueAsync(
                () => Task.FromResult(accounts.Codes.Count(code => code == 503) > refused),
                "deliveries are refused"
            );
            server.Wire.Mend();
        }

        await end.CancelAsync();
        await sending;

        accounts.Codes.Distinct().ShouldBe([201, 202, 503], ignoreOrder: true);
        await accounts.BalanceAsync();
    }
}
