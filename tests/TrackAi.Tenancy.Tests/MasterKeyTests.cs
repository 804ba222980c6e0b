using Microsoft.Extensions.DependencyInjection;
using TrackAi.Contracts;

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
}
