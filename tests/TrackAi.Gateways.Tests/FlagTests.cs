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

    private static Task WriteAsync(string file, bool isOn) =>
        File.WriteAllTextAsync(file, $$"""{ "FeatureManagement": { "gateway_perfectpay": {{(isOn ? "true" : "false")}} } }""");
}
