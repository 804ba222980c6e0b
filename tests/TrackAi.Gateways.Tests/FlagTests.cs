using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.Gateways.Tests;

/// <summary>A gateway is switched off and on while the host runs.</summary>
public sealed class FlagTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task A_flag_that_is_changed_in_the_settings_file_counts_without_a_restart()
    {
        var seller = await server.NewSellerAsync();
        var file = Path.Combine(AppContext.BaseDirectory, $"settings-{seller.Tenant}-{Environment.ProcessId}.json");
        await WriteAsync(file, isOn: true);
        await using var host = await TrackAiHost.StartAsync(server.Settings, settingsFile: file);
        await seller.KnownToAsync(host);

        (await DeliverAsync()).Code.ShouldBe(202);

        await WriteAsync(file, isOn: false);
        await Eventually.TrueAsync(async () => (await DeliverAsync()).Code == 403, "the gateway is off");
        var refused = await DeliverAsync();
        refused.Json.GetProperty("title").GetString().ShouldBe("Gateway switched off");
        refused.Json.GetProperty("detail").GetString().ShouldNotBeNull().ShouldContain("gateway_perfectpay");

        await WriteAsync(file, isOn: true);
        await Eventually.TrueAsync(async () => (await DeliverAsync()).Code == 202, "the gateway is on again");

        Task<Answer> DeliverAsync() => seller.DeliverAsync(Seller.Sale(seller.NewOrder()), host.Http);
    }

    [Fact]
    public async Task A_gateway_that_a_command_switches_off_is_off_at_every_host_until_a_command_switches_it_on()
    {
        var seller = await server.NewSellerAsync("kiwify");
        var perfectPay = await server.NewSellerAsync();
        await using var other = await server.StartAnotherAsync();
        await seller.KnownToAsync(other);
        (await DeliverAsync(server.Host)).Code.ShouldBe(202);

        (await Flags.SetAsync("gateway_kiwify", isOn: false)).ShouldBeTrue();

        foreach (var host in (TrackAiHost[])[server.Host, other])
        {
            await Eventually.TrueAsync(async () => (await DeliverAsync(host)).Code == 403, "the gateway is off");
            var refused = await DeliverAsync(host);
            refused.Json.GetProperty("title").GetString().ShouldBe("Gateway switched off");
            refused.Json.GetProperty("detail").GetString().ShouldNotBeNull().ShouldContain("flags set gateway_kiwify on");
        }
        // Only this gateway; and a host that starts later knows.
        (await perfectPay.DeliverAsync(Seller.Sale(perfectPay.NewOrder()))).Code.ShouldBe(202);
        await using var later = await server.StartAnotherAsync();
        await seller.KnownToAsync(later);
        (await DeliverAsync(later)).Code.ShouldBe(403);

        (await Flags.SetAsync("gateway_kiwify", isOn: true)).ShouldBeTrue();
        foreach (var host in (TrackAiHost[])[server.Host, other, later])
            await Eventually.TrueAsync(async () => (await DeliverAsync(host)).Code == 202, "the gateway is on again");

        Task<Answer> DeliverAsync(TrackAiHost host)
        {
            var sale = new JsonObject
            {
                ["purchase_id"] = seller.NewOrder(),
                ["buyer"] = new JsonObject { ["email"] = "ana@exemplo.com.br" },
                ["value"] = 97m,
                ["currency"] = "BRL",
                ["status"] = "completed",
                ["created_at"] = "2026-11-05T15:00:00Z",
            };
            return seller.DeliverSignedAsync("kiwify", Seller.Bytes(sale), host.Http);
        }
    }

    [Fact]
    public async Task A_command_outranks_the_configuration_until_it_is_taken_back()
    {
        var seller = await server.NewSellerAsync("hotmart");
        await using var host = await server.StartAnotherAsync(("FeatureManagement:gateway_hotmart", "false"));
        var flags = host.Services.GetRequiredService<IFeatureFlags>();
        await seller.KnownToAsync(host);
        (await FlagAsync()).ShouldBe((false, FlagSource.Configuration));
        (await DeliverAsync()).Code.ShouldBe(403);

        (await flags.SetAsync("gateway_hotmart", isOn: true)).ShouldBeTrue();
        (await flags.SetAsync("gateway_hotmart", isOn: true)).ShouldBeFalse();
        (await FlagAsync()).ShouldBe((true, FlagSource.Command));
        await Eventually.TrueAsync(async () => (await DeliverAsync()).Code == 202, "the command outranks the configuration");

        (await flags.SetAsync("gateway_hotmart", isOn: null)).ShouldBeTrue();
        (await FlagAsync()).ShouldBe((false, FlagSource.Configuration));
        await Eventually.TrueAsync(async () => (await DeliverAsync()).Code == 403, "the configuration counts again");

        Task<Answer> DeliverAsync()
        {
            var sale = Seller.Sale(seller.NewOrder());
            sale["event_time"] = "2026-11-05T15:00:00Z";
            return seller.DeliverSignedAsync("hotmart", Seller.Bytes(sale), host.Http);
        }

        async Task<(bool IsOn, FlagSource Source)> FlagAsync()
        {
            var flag = (await flags.ListAsync()).Single(one => one.Name == "gateway_hotmart");
            return (flag.IsOn, flag.Source);
        }
    }

    [Fact]
    public async Task Other_parts_of_the_product_are_switched_the_same_way_and_a_flag_that_is_none_is_refused()
    {
        await using var host = await server.StartAnotherAsync();
        var flags = host.Services.GetRequiredService<IFeatureFlags>();
        (await flags.ListAsync())
            .Select(flag => flag.Name)
            .ShouldBe(["gateway_hotmart", "gateway_kiwify", "gateway_perfectpay", "gateway_stripe", "analytics_views", "circuit_breaker"]);

        await flags.SetAsync("analytics_views", isOn: false);
        await Eventually.TrueAsync(async () => await AskAsync() == HttpStatusCode.Forbidden, "analytics is off");
        await flags.SetAsync("analytics_views", isOn: null);
        await Eventually.TrueAsync(async () => await AskAsync() == HttpStatusCode.Unauthorized, "analytics is on, and asks for a key");

        (await Should.ThrowAsync<ArgumentException>(flags.SetAsync("gateway_pagseguro", isOn: false))).Message.ShouldContain(
            "gateway_hotmart"
        );

        async Task<HttpStatusCode> AskAsync()
        {
            using var answer = await host.Http.GetAsync("/api/v1/analytics/dispatch-summary");
            return answer.StatusCode;
        }
    }

    private IFeatureFlags Flags => server.Host.Services.GetRequiredService<IFeatureFlags>();

    private static Task WriteAsync(string file, bool isOn) =>
        File.WriteAllTextAsync(file, $$"""{ "FeatureManagement": { "gateway_perfectpay": {{(isOn ? "true" : "false")}} } }""");
}
