using TrackAi.Contracts;

namespace TrackAi.Tenancy.Tests;

public sealed class ConfiguredTenantsTests(TenancyDatabase database) : IClassFixture<TenancyDatabase>
{
    [Fact]
    public async Task Configured_tenants_are_applied_once_however_often_and_by_how_many_hosts()
    {
        var settings = Settings("configured");

        var hosts = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => database.StartAsync(settings)));
        await using var again = await database.StartAsync(settings);

        (await database.FactsAsync("configured"))
            .Select(fact => fact.GetType().Name)
            .ShouldBe(["TenantAdded", "GatewaySecretSet", "PixelTokenSet"]);
        foreach (var host in hosts.Append(again))
        {
            host.Directory().Find("configured")!.Name.ShouldBe("Ação Café");
            host.Directory().FindConnection("configured", "hotmart")!.Secrets.ShouldBe(["configured-secret"]);
            host.Directory().FindPixel("configured", "123")!.AccessToken.ShouldBe("configured-token");
        }
        foreach (var host in hosts)
            await host.DisposeAsync();
    }

    [Fact]
    public async Task Only_what_differs_is_changed()
    {
        await using (await database.StartAsync(Settings("differs"))) { }
        var settings = Settings("differs");
        settings["Tenants:differs:Name"] = "Novo Nome";
        settings["Tenants:differs:Gateways:hotmart:Secret"] = "rotated-secret";

        await using var host = await database.StartAsync(settings);

        (await database.FactsAsync("differs")).Skip(3).Select(fact => fact.GetType().Name).ShouldBe(["TenantRenamed", "GatewaySecretSet"]);
        host.Directory().Find("differs")!.Name.ShouldBe("Novo Nome");
        host.Directory().FindConnection("differs", "hotmart")!.Secrets.ShouldBe(["rotated-secret", "configured-secret"]);
    }

    [Fact]
    public async Task What_a_command_would_refuse_keeps_the_host_from_starting_and_names_the_key_without_the_value()
    {
        var wrong = Settings("wrong");
        wrong["Tenants:wrong:Pixels:not-a-number:Token"] = "very-secret-token";
        var padded = Settings("padded");
        padded["Tenants:padded:Gateways:hotmart:Secret"] = "very-secret-secret\n";

        var pixel = await Should.ThrowAsync<TenantChangeRefusedException>(database.StartAsync(wrong));
        var secret = await Should.ThrowAsync<TenantChangeRefusedException>(database.StartAsync(padded));

        pixel.Message.ShouldContain("Tenants:wrong:Pixels:not-a-number:Token");
        pixel.ToString().ShouldNotContain("very-secret");
        secret.Message.ShouldContain("Tenants:padded:Gateways:hotmart:Secret");
        secret.ToString().ShouldNotContain("very-secret");
    }

    [Fact]
    public async Task A_secret_for_a_tenant_that_is_neither_there_nor_named_is_refused()
    {
        var refused = await Should.ThrowAsync<TenantChangeRefusedException>(
            database.StartAsync(new Dictionary<string, string?> { ["Tenants:typo:Gateways:hotmart:Secret"] = "secret" })
        );

        refused.Refusal.ShouldBe(TenantRefusal.NotFound);
        refused.Message.ShouldContain("'typo'");
        refused.Message.ShouldContain("Name");
    }

    private static Dictionary<string, string?> Settings(string slug) =>
        new(StringComparer.Ordinal)
        {
            [$"Tenants:{slug}:Name"] = "Ação Café",
            [$"Tenants:{slug}:Gateways:hotmart:Secret"] = "configured-secret",
            [$"Tenants:{slug}:Pixels:123:Token"] = "configured-token",
        };
}
