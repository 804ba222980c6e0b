using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.Tenancy.Tests;

public sealed class ApiKeyTests(TenancyDatabase database) : IClassFixture<TenancyDatabase>
{
    private IApiKeys Keys => database.Host.ApiKeys();

    [Fact]
    public async Task A_key_finds_its_tenant_on_every_host_until_it_is_revoked()
    {
        await using var other = await database.StartAsync();
        await database.Tenants.AddTenantAsync("keys", "Keys");

        var key = await Keys.AddAsync("keys", "dashboard");
        key.Key.ShouldStartWith("tak_");
        (await Keys.FindTenantAsync(key.Key)).ShouldBe("keys");
        await Eventually.TrueAsync(async () => await other.ApiKeys().FindTenantAsync(key.Key) == "keys", "the key");

        (await Keys.RevokeAsync("keys", key.Id)).ShouldBeTrue();
        (await Keys.RevokeAsync("keys", key.Id)).ShouldBeFalse();
        (await Keys.FindTenantAsync(key.Key)).ShouldBeNull();
        await Eventually.TrueAsync(async () => await other.ApiKeys().FindTenantAsync(key.Key) is null, "the revocation");
        (await Keys.ListAsync("keys")).Single().RevokedAt.ShouldNotBeNull();
    }

    [Theory]
    [InlineData("")]
    [InlineData("tak_")]
    [InlineData("tak_0000000000000000000000000000000000000000")]
    [InlineData("0000000000000000000000000000000000000000tak_")]
    public async Task An_unknown_key_finds_nobody(string key) => (await Keys.FindTenantAsync(key)).ShouldBeNull();

    [Fact]
    public async Task A_key_is_revoked_by_its_own_tenant_only()
    {
        await database.Tenants.AddTenantAsync("owner", "Owner");
        await database.Tenants.AddTenantAsync("stranger", "Stranger");
        var key = await Keys.AddAsync("owner", "dashboard");

        var refused = await Should.ThrowAsync<TenantChangeRefusedException>(Keys.RevokeAsync("stranger", key.Id));

        refused.Refusal.ShouldBe(TenantRefusal.NotFound);
        (await Keys.FindTenantAsync(key.Key)).ShouldBe("owner");
        (await Keys.ListAsync("stranger")).ShouldBeEmpty();
    }

    [Fact]
    public async Task The_last_use_of_a_key_is_written_down()
    {
        await database.Tenants.AddTenantAsync("used", "Used");
        NewApiKey key;
        await using (var host = await database.StartAsync())
        {
            key = await host.ApiKeys().AddAsync("used", "dashboard");
            (await host.ApiKeys().ListAsync("used")).Single().LastUsedAt.ShouldBeNull();
            await host.ApiKeys().FindTenantAsync(key.Key);
        }

        (await Keys.ListAsync("used")).Single().LastUsedAt.ShouldNotBeNull();
    }
}
