using Microsoft.Extensions.DependencyInjection;
using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.Tenancy.Tests;

/// <summary>Secrets and tokens survive a change of the master key.</summary>
public sealed class MasterKeyTests(TenancyDatabase database) : IClassFixture<TenancyDatabase>
{
    [Fact]
    public async Task Secrets_and_tokens_open_under_the_new_master_key_alone_once_it_was_rotated()
    {
        var next = TenancyDatabase.NewKey("the next master key");
        await database.Tenants.AddTenantAsync("rotating", "Rotating");
        await database.Tenants.SetGatewaySecretAsync("rotating", "kiwify", "the secret");
        await database.Tenants.SetPixelAsync("rotating", "123", "the token");

        await using (
            var both = await database.StartAsync(
                new Dictionary<string, string?> { ["Secrets:OtherMasterKey"] = TenancyDatabase.NewKey("the master key of the tests") },
                masterKey: next
            )
        )
            (await both.Services.GetRequiredService<IMasterKeys>().RotateAsync()).Secrets.ShouldBe(
                3,
                "a secret, a token, and the key of cookies"
            );

        await using var after = await database.StartAsync(masterKey: next);
        after.Directory().FindConnection("rotating", "kiwify")!.Secrets.ShouldBe(["the secret"]);
        after.Directory().FindPixel("rotating", "123")!.AccessToken.ShouldBe("the token");
    }

    [Fact]
    public async Task Under_a_key_that_is_not_this_databases_nothing_is_sealed_and_nothing_written()
    {
        await using var fresh = new TenancyDatabase();
        await fresh.InitializeAsync();
        await fresh.Tenants.AddTenantAsync("guarded", "Guarded");
        await fresh.Tenants.SetPixelAsync("guarded", "123", "the token");
        await using var wrong = fresh.Command(TenancyDatabase.NewKey("another key"));
        var tenants = wrong.GetRequiredService<ITenantAdministration>();

        foreach (
            var refused in (Func<Task>[])
                [
                    () => tenants.SetPixelAsync("guarded", "123", "zzz"),
                    () => tenants.SetPixelAsync("guarded", "456", "zzz"),
                    () => tenants.SetGatewaySecretAsync("guarded", "kiwify", "zzz"),
                    () =>
                        wrong
                            .GetRequiredService<IOnboarding>()
                            .OnboardAsync(
                                new Onboarding
                                {
                                    Tenant = "half-done",
                                    Name = "Half done",
                                    Gateway = "kiwify",
                                    Secret = "zzz",
                                }
                            ),
                ]
        )
            (await Should.ThrowAsync<InvalidOperationException>(refused)).Message.ShouldContain("Secrets:MasterKey is not the key");

        (await fresh.FactsAsync("guarded")).Count.ShouldBe(2);
        (await fresh.ScalarAsync<long>("select count(*) from tenant where slug = 'half-done'")).ShouldBe(0);
        await using var after = await fresh.StartAsync();
        after.Directory().FindPixel("guarded", "123")!.AccessToken.ShouldBe("the token");
    }

    [Fact]
    public async Task The_first_secret_of_a_database_decides_which_key_is_its_own()
    {
        await using var fresh = new TestDatabase();
        await fresh.InitializeAsync();
        await using (var first = TenancyDatabase.Command(fresh.ConnectionString, TenancyDatabase.NewKey("the first key")))
        {
            await first.GetRequiredService<EventStore.SchemaMigrator>().ApplyAsync();
            await first.GetRequiredService<ITenantAdministration>().AddTenantAsync("first", "First");
            await first.GetRequiredService<ITenantAdministration>().SetGatewaySecretAsync("first", "kiwify", "the secret");
        }

        await using var second = TenancyDatabase.Command(fresh.ConnectionString, TenancyDatabase.NewKey("the second key"));

        second.GetRequiredService<IMasterKeys>().Problem().ShouldNotBeNull().ShouldContain("Secrets:MasterKey is not the key");
    }
}
