using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.Tenancy.Tests;

public sealed class HostsTests(TenancyDatabase database) : IClassFixture<TenancyDatabase>
{
    private ITenantAdministration Tenants => database.Tenants;

    [Fact]
    public async Task A_host_sees_what_another_changes()
    {
        await using var other = await database.StartAsync();
        var seen = other.Directory();

        await Tenants.AddTenantAsync("shared", "Shared");
        await SeenAsync(() => seen.Find("shared") is not null, "the tenant");
        await Tenants.SetGatewaySecretAsync("shared", "hotmart", "secret-1");
        await SeenAsync(() => seen.FindConnection("shared", "hotmart")?.Secrets is ["secret-1"], "the secret");
        await Tenants.SetGatewaySecretAsync("shared", "hotmart", "secret-2");
        await SeenAsync(() => seen.FindConnection("shared", "hotmart")?.Secrets is ["secret-2", "secret-1"], "the new secret");
        await Tenants.SetPixelAsync("shared", "123", "token");
        await SeenAsync(() => seen.FindPixel("shared", "123") == new Pixel("123", "token", null), "the pixel");
        await Tenants.AddFunnelAsync("shared", "main", isDefault: true);
        await SeenAsync(() => seen.FindFunnel("shared", "kiwify", "1") == "main", "the funnel");
        await Tenants.SuspendAsync("shared");
        await SeenAsync(() => seen.Find("shared")?.Status == TenantStatus.Suspended, "the suspension");
    }

    [Fact]
    public async Task Tenants_are_known_before_any_service_starts()
    {
        await Tenants.AddTenantAsync("early", "Early");

        await using var host = await database.StartAsync(before: services => services.AddHostedService<EarlyBird>());

        host.Services.GetServices<IHostedService>().OfType<EarlyBird>().Single().Found.ShouldBe("early");
    }

    [Fact]
    public async Task A_command_changes_tenants_without_a_host_of_its_own()
    {
        await using var command = database.Command();

        await command.GetRequiredService<ITenantAdministration>().AddTenantAsync("by-command", "By command");
        var key = await command.GetRequiredService<IApiKeys>().AddAsync("by-command", "first");

        await SeenAsync(() => database.Directory.Find("by-command") is not null, "the tenant");
        await Eventually.TrueAsync(async () => await database.Host.ApiKeys().FindTenantAsync(key.Key) == "by-command", "the key");
        Should
            .Throw<InvalidOperationException>(() => command.GetRequiredService<ITenantDirectory>().Find("by-command"))
            .Message.ShouldContain("host");
    }

    [Fact]
    public async Task A_host_knows_all_tenants_when_it_is_up()
    {
        await Tenants.AddTenantAsync("before", "Before");
        await Tenants.SetGatewaySecretAsync("before", "hotmart", "secret");

        await using var later = await database.StartAsync();

        later.Directory().Find("before")!.Name.ShouldBe("Before");
        later.Directory().FindConnection("before", "hotmart")!.Secrets.ShouldBe(["secret"]);
    }

    [Fact]
    public async Task Hosts_change_one_tenant_at_once_and_nothing_is_lost()
    {
        await using var other = await database.StartAsync();
        await Tenants.AddTenantAsync("busy", "Busy");

        await Task.WhenAll(
            Enumerable
                .Range(0, 20)
                .Select(index =>
                    (index % 2 == 0 ? database.Host : other).Tenants().AddFunnelAsync("busy", $"funnel-{index}", isDefault: true)
                )
        );

        (await database.ScalarAsync<long>("select count(*) from funnel where tenant_id = 'busy'")).ShouldBe(20);
        (await database.ScalarAsync<long>("select count(*) from funnel where tenant_id = 'busy' and is_default")).ShouldBe(1);
        var expected = await database.ScalarAsync<string>("select id from funnel where tenant_id = 'busy' and is_default");
        await SeenAsync(() => other.Directory().FindFunnel("busy", "stripe", null) == expected, "the last default");
    }

    [Fact]
    public async Task A_host_with_another_master_key_does_not_start_and_says_why()
    {
        await Tenants.AddTenantAsync("locked", "Locked");
        await Tenants.SetGatewaySecretAsync("locked", "hotmart", "secret");

        var refused = await Should.ThrowAsync<InvalidOperationException>(
            database.StartAsync(masterKey: TenancyDatabase.NewKey("another key"))
        );

        refused.Message.ShouldContain("Secrets:MasterKey");
    }

    [Fact]
    public async Task A_tenant_that_no_longer_opens_stays_as_it_was_and_does_not_hold_up_the_others()
    {
        await using var other = await database.StartAsync();
        await Tenants.AddTenantAsync("damaged", "Damaged");
        await Tenants.SetGatewaySecretAsync("damaged", "hotmart", "secret");
        await SeenAsync(() => other.Directory().FindConnection("damaged", "hotmart") is not null, "the secret");

        await database.ExecuteAsync(
            "with d as (update gateway_secret set sealed = decode('00', 'hex') where tenant_id = 'damaged' returning 1) select pg_notify('trackai_tenants', 'damaged') from d"
        );
        await Tenants.AddTenantAsync("healthy", "Healthy");

        await SeenAsync(() => other.Directory().Find("healthy") is not null, "the tenant");
        other.Directory().FindConnection("damaged", "hotmart")!.Secrets.ShouldBe(["secret"]);
        await Tenants.SuspendAsync("damaged");
        await SeenAsync(() => other.Directory().Find("damaged")?.Status == TenantStatus.Suspended, "the rest of it still changes");
        other.Directory().FindConnection("damaged", "hotmart")!.Secrets.ShouldBe(["secret"]);
        await Tenants.SetGatewaySecretAsync("damaged", "hotmart", "mended");
        await SeenAsync(() => other.Directory().FindConnection("damaged", "hotmart")?.Secrets is ["mended"], "the mended secret");
    }

    [Fact]
    public async Task What_does_not_open_when_a_host_starts_is_left_out_and_everything_else_is_there()
    {
        await using var fresh = new TenancyDatabase();
        await fresh.InitializeAsync();
        foreach (var tenant in (string[])["damaged", "healthy"])
        {
            await fresh.Tenants.AddTenantAsync(tenant, tenant);
            await fresh.Tenants.SetGatewaySecretAsync(tenant, "hotmart", "secret");
            await fresh.Tenants.SetGatewaySecretAsync(tenant, "kiwify", "secret");
            await fresh.Tenants.SetPixelAsync(tenant, "123", "token");
            await fresh.Tenants.SetPixelAsync(tenant, "456", "token");
        }
        await fresh.ExecuteAsync(
            """
            update gateway_secret set sealed = decode('00', 'hex') where tenant_id = 'damaged' and gateway = 'hotmart';
            update pixel set sealed_token = decode('00', 'hex') where tenant_id = 'damaged' and pixel_id = '123'
            """
        );

        await using var host = await fresh.StartAsync();

        var directory = host.Directory();
        directory.FindConnection("healthy", "hotmart")!.Secrets.ShouldBe(["secret"]);
        directory.FindConnection("damaged", "hotmart")!.Secrets.ShouldBeEmpty();
        directory.FindConnection("damaged", "kiwify")!.Secrets.ShouldBe(["secret"]);
        directory.FindPixel("damaged", "123").ShouldBeNull();
        directory.FindPixel("damaged", "456")!.AccessToken.ShouldBe("token");
        directory.RoutePixels("damaged", "kiwify", null).ShouldBe(["123", "456"], "what is meant for the damaged one waits");
        (await host.Services.GetRequiredService<IMasterKeys>().FindUnopenedAsync())
            .Select(problem => problem.Split(" does not open")[0])
            .ShouldBe(["The secret of hotmart of tenant damaged", "The token of pixel 123 of tenant damaged"]);

        await host.Tenants().SetPixelAsync("damaged", "123", "mended");
        await host.Tenants().SetGatewaySecretAsync("damaged", "hotmart", "mended");
        directory.FindPixel("damaged", "123")!.AccessToken.ShouldBe("mended");
        directory.FindConnection("damaged", "hotmart")!.Secrets.ShouldBe(["mended"]);
    }

    private static Task SeenAsync(Func<bool> seen, string what) => Eventually.TrueAsync(() => Task.FromResult(seen()), what);

    /// <summary>Asks for a tenant as it starts, like a subscription that has events waiting.</summary>
    private sealed class EarlyBird(ITenantDirectory tenants) : IHostedService
    {
        public string? Found { get; private set; }

        public Task StartAsync(CancellationToken cancellationToken)
        {
            Found = tenants.Find("early")?.Slug;
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
