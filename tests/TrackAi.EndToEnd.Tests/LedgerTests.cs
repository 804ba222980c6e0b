using System.Text.Json;
using TrackAi.MetaStandIn;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>Every sale is accounted for, and <c>verify</c> counts the log anew to say so.</summary>
public sealed class LedgerTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task What_was_received_is_sent_skipped_dead_or_waiting_and_a_dispatch_that_got_lost_is_found()
    {
        var (well, refused, dumb) = (
            await server.NewSellerAsync(),
            await server.NewSellerAsync(),
            await server.NewSellerAsync(tokenIsValid: false)
        );
        server.Meta.Inject(MetaFault.Error(400, 100, 2804050) with { Pixel = refused.PixelId });
        for (var sale = 0; sale < 3; sale++)
            (await well.DeliverAsync(Seller.Sale(well.NewOrder()))).Code.ShouldBe(202);
        (await well.DeliverAsync(Seller.Sale(well.NewOrder(), status: "pending"))).Code.ShouldBe(202);
        (await refused.DeliverAsync(Seller.Sale(refused.NewOrder()))).Code.ShouldBe(202);
        (await dumb.DeliverAsync(Seller.Sale(dumb.NewOrder()))).Code.ShouldBe(202);
        await Eventually.TrueAsync(
            () =>
                server.Database.ScalarAsync<bool>(
                    "select (select count(*) from dispatch_dead_letter) = 1 and (select count(*) from dispatch_queue) = 1 and (select count(*) from mt_events where type = 'dispatch_succeeded') = 3"
                ),
            "all that can move has moved"
        );
        await server.Host.ProjectedAsync();

        var (code, output) = await HostProcess.RunAsync(server.Settings, "verify", "--json");

        code.ShouldBe(0, output);
        var days = JsonElement
            .Parse(output)
            .GetProperty("days")
            .EnumerateArray()
            .ToDictionary(day => day.GetProperty("tenantId").GetString()!);
        (
            days[well.Tenant].GetProperty("received").GetInt64(),
            days[well.Tenant].GetProperty("sent").GetInt64(),
            days[well.Tenant].GetProperty("waiting").GetInt64()
        ).ShouldBe((4, 3, 1));
        days[refused.Tenant].GetProperty("dead").GetProperty("permanent").GetInt64().ShouldBe(1);
        days[dumb.Tenant].GetProperty("waiting").GetInt64().ShouldBe(1);

        await server.Database.ExecuteAsync("delete from dispatch_queue where tenant_id = $1", dumb.Tenant);
        await server.Database.ExecuteAsync(
            "update conversion_day set conversions[1] = conversions[1] + 1 where tenant_id = $1",
            refused.Tenant
        );

        var (broken, said) = await HostProcess.RunAsync(server.Settings, "verify");
        broken.ShouldBe(1);
        said.ShouldContain("lost: tenant " + dumb.Tenant);
        said.ShouldContain("read_model: tenant " + refused.Tenant);
    }
}
