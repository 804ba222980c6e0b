using System.Text.Json;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.MetaStandIn;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary><c>replay --dispatch</c> really sends what the decisions request: under the event_id it always had, and nothing that may count twice.</summary>
public sealed class ReplayDispatchTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task What_Meta_refused_is_sent_again_under_its_own_id_after_a_plan_that_sends_nothing()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        server.Meta.Inject(MetaFault.Error(400, 100, 2804050) with { Pixel = seller.PixelId });
        (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
        await Eventually.TrueAsync(
            () => server.Database.ScalarAsync<bool>("select count(*) = 1 from dispatch_dead_letter where tenant_id = $1", seller.Tenant),
            "the dead letter"
        );
        server.Meta.ClearFaults();

        var (planned, plan) = await ReplayAsync(seller, order, "--dispatch", "--dry-run");
        planned.ShouldBe(0, plan);
        plan.ShouldContain("will_count:");
        plan.ShouldContain("Nothing was sent (--dry-run).");
        server.AtMeta(order).ShouldBeEmpty();

        var (code, output) = await ReplayAsync(seller, order, "--dispatch");

        code.ShouldBe(0, output);
        output.ShouldContain("→ Dispatch: same");
        output.ShouldContain("1 confirmed by Meta");
        server.AtMeta(order).ShouldHaveSingleItem().EventId.ShouldBe(seller.EventId("perfectpay", order).ToString());
        var events = await server.Host.Store.ReadStreamAsync(StreamOf(seller, order));
        events.Select(one => one.Type).TakeLast(3).ShouldBe(["dispatch_dead_lettered", "dispatch_redriven", "dispatch_succeeded"]);
        ((DispatchRedriven)events[^2].Data).By.ShouldBe("replay --dispatch");
        await VerifiesAsync();
    }

    [Fact]
    public async Task What_Meta_confirmed_is_left_unless_it_is_asked_for_and_then_keeps_its_id()
    {
        var seller = await server.NewSellerAsync();
        var order = seller.NewOrder();
        (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
        await server.ArrivedAsync(order);
        await server.Host.SettledAsync();
        var requests = server.Meta.RequestsFor(seller.PixelId);

        var (left, said) = await ReplayAsync(seller, order, "--dispatch");
        left.ShouldBe(0, said);
        said.ShouldContain(
            "already_sent: Meta has confirmed it less than 48 hours ago and would keep the first: sent again only with --confirmed."
        );
        server.Meta.RequestsFor(seller.PixelId).ShouldBe(requests);

        var (code, output) = await ReplayAsync(seller, order, "--dispatch", "--confirmed", "--json");

        code.ShouldBe(0, output);
        var sent = JsonElement.Parse(output).GetProperty("dispatches").EnumerateArray().ShouldHaveSingleItem();
        sent.GetProperty("outcome").GetString().ShouldBe("confirmed", output);
        sent.GetProperty("eventId").GetString().ShouldBe(seller.EventId("perfectpay", order).ToString());
        server.Meta.RequestsFor(seller.PixelId).ShouldBe(requests + 1);
        var events = await server.Host.Store.ReadStreamAsync(StreamOf(seller, order));
        events.Select(one => one.Type).TakeLast(3).ShouldBe(["dispatch_succeeded", "dispatch_redriven", "dispatch_succeeded"]);
        ((DispatchRedriven)events[^2].Data).Expectation.ShouldBe("will_be_deduplicated");
        await VerifiesAsync();
    }

    [Fact]
    public async Task A_sale_that_had_no_pixel_is_requested_now_and_sent_without_any_host()
    {
        var seller = await server.NewSellerAsync();
        await server.Database.ExecuteAsync("delete from pixel where tenant_id = $1", seller.Tenant);
        await server.StopAsync();
        await server.StartAsync();
        var order = seller.NewOrder();
        (await seller.DeliverAsync(Seller.Sale(order))).Code.ShouldBe(202);
        await server.Host.SettledAsync();
        await server.StopAsync();
        var (set, printed) = await HostProcess.RunAsync(
            server.Settings,
            "pixels",
            "set",
            seller.Tenant,
            seller.PixelId,
            "--token",
            seller.Token,
            "--json"
        );
        set.ShouldBe(0, printed);
        JsonElement.Parse(printed).GetProperty("changed").GetBoolean().ShouldBeTrue();

        var (code, output) = await ReplayAsync(seller, order, "--dispatch");

        code.ShouldBe(0, output);
        output.ShouldContain("→ Dispatch: differs");
        output.ShouldContain("1 confirmed by Meta");
        server.AtMeta(order).ShouldHaveSingleItem().EventId.ShouldBe(seller.EventId("perfectpay", order).ToString());
        await server.StartAsync();
        await VerifiesAsync();
    }

    [Fact]
    public async Task An_error_with_json_is_one_object_on_stderr_with_the_same_exit_code()
    {
        foreach (
            var arguments in (string[][])
                [
                    ["events", "show", "conversion-none", "--tenant", "nobody"],
                    ["tenants", "suspend", "nobody"],
                    ["no-such-verb"],
                ]
        )
        {
            var text = await HostProcess.RunAsync(server.Settings, arguments);
            var json = await HostProcess.RunAsync(server.Settings, [.. arguments, "--json"]);

            text.ExitCode.ShouldBe(1, text.Output);
            json.ExitCode.ShouldBe(1, json.Output);
            var error = JsonElement.Parse(json.Output);
            error.GetProperty("exitCode").GetInt32().ShouldBe(1);
            error.GetProperty("message").GetString().ShouldNotBeNullOrWhiteSpace();
        }
    }

    private async Task VerifiesAsync()
    {
        await server.Host.SettledAsync();
        await Eventually.TrueAsync(
            async () => (await HostProcess.RunAsync(server.Settings, "verify", "--json")).ExitCode == 0,
            "the ledger to balance"
        );
    }

    private Task<(int ExitCode, string Output)> ReplayAsync(Seller seller, string order, params string[] options) =>
        HostProcess.RunAsync(server.Settings, ["replay", $"conversion-perfectpay-{order}", "--tenant", seller.Tenant, .. options]);

    private static StreamId StreamOf(Seller seller, string order) =>
        new(seller.Tenant, Streams.Conversion(Streams.ConversionId("perfectpay", order)));
}
