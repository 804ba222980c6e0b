using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>A wrong master key, and a secret that does not open, as an operator and a gateway meet them.</summary>
public sealed class MasterKeyTests(TrackAiServer server) : IClassFixture<TrackAiServer>
{
    [Fact]
    public async Task A_verb_under_another_master_key_is_refused_in_one_line_and_writes_nothing()
    {
        var seller = await server.NewSellerAsync();
        var wrong = new Dictionary<string, string?>(server.Settings) { ["Secrets:MasterKey"] = Privacy.PrivacyOptions.NewMasterKey() };
        var before = await server.Database.ScalarAsync<byte[]>("select sealed_token from pixel where tenant_id = $1", seller.Tenant);

        var (exitCode, output) = await HostProcess.RunAsync(wrong, "pixels", "set", seller.Tenant, seller.PixelId, "--token", "zzz");

        exitCode.ShouldBe(1, output);
        output.ShouldStartWith("trackai: Secrets:MasterKey is not the key that this database was sealed under.");
        output.Split('\n').Length.ShouldBe(1);
        (await server.Database.ScalarAsync<byte[]>("select sealed_token from pixel where tenant_id = $1", seller.Tenant)).ShouldBe(before);
    }

    [Fact]
    public async Task A_secret_that_does_not_open_costs_its_gateway_503s_until_it_is_set_anew_and_nobody_else_anything()
    {
        await using var own = new TrackAiServer();
        await own.InitializeAsync();
        var (damaged, healthy) = (await own.NewSellerAsync(), await own.NewSellerAsync());
        await own.StopAsync();
        await own.Database.ExecuteAsync($"update gateway_secret set sealed = '\\x00' where tenant_id = '{damaged.Tenant}'");

        await own.StartAsync();

        own.Host.Log.Text.ShouldContain(
            $"[7001] Something of tenant {damaged.Tenant} cannot be used. The secret of perfectpay of tenant {damaged.Tenant}"
        );
        (await healthy.DeliverAsync(Seller.Sale(healthy.NewOrder()))).Code.ShouldBe(202);
        var refused = await damaged.DeliverAsync(Seller.Sale(damaged.NewOrder()));
        refused.Code.ShouldBe(503);
        refused.Text.ShouldContain($"gateways set {damaged.Tenant} perfectpay");
        var (exitCode, output) = await HostProcess.RunAsync(own.Settings, "check-env");
        exitCode.ShouldBe(1, output);
        output.ShouldMatch($"secrets +NO +The secret of perfectpay of tenant {damaged.Tenant} does not open");

        await damaged.SetSecretAsync(damaged.Secret);

        (await damaged.DeliverAsync(Seller.Sale(damaged.NewOrder()))).Code.ShouldBe(202);
        (await HostProcess.RunAsync(own.Settings, "check-env")).Output.ShouldMatch("secrets +yes +all open");
    }
}
