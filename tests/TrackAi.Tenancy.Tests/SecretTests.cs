using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.Tenancy.Tests;

public sealed class SecretTests(TenancyDatabase database) : IClassFixture<TenancyDatabase>
{
    private static readonly DateTimeOffset Noon = new(2026, 5, 10, 12, 0, 0, TimeSpan.Zero);

    private ITenantAdministration Tenants => database.Tenants;

    [Fact]
    public async Task A_rotated_secret_stays_valid_for_the_overlap_and_drops_out_by_time()
    {
        var time = new ManualTime(Noon);
        await using var host = await database.StartAsync(time: time);
        await host.Tenants().AddTenantAsync("rotated", "Rotated");
        await host.Tenants().SetGatewaySecretAsync("rotated", "hotmart", "secret-1");
        IReadOnlyList<string> Valid() => host.Directory().FindConnection("rotated", "hotmart")!.Secrets;

        await host.Tenants().SetGatewaySecretAsync("rotated", "hotmart", "secret-2");

        Valid().ShouldBe(["secret-2", "secret-1"]);
        (await host.Tenants().ListConnectionsAsync("rotated")).Single().PreviousValidUntil.ShouldBe(Noon.AddHours(24));
        time.Advance(TimeSpan.FromHours(24) - TimeSpan.FromTicks(1));
        Valid().ShouldBe(["secret-2", "secret-1"]);
        time.Advance(TimeSpan.FromTicks(1));
        Valid().ShouldBe(["secret-2"]);
        (await host.Tenants().ListConnectionsAsync("rotated")).Single().PreviousValidUntil.ShouldBeNull();
    }

    [Fact]
    public async Task Two_secrets_are_valid_at_most_and_none_but_the_newest_without_an_overlap()
    {
        await Tenants.AddTenantAsync("twice", "Twice");
        foreach (var secret in (string[])["s-1", "s-2", "s-3"])
            await Tenants.SetGatewaySecretAsync("twice", "kiwify", secret);
        database.Directory.FindConnection("twice", "kiwify")!.Secrets.ShouldBe(["s-3", "s-2"]);

        await Tenants.SetGatewaySecretAsync("twice", "kiwify", "s-2");
        database.Directory.FindConnection("twice", "kiwify")!.Secrets.ShouldBe(["s-2", "s-3"]);

        await Tenants.SetGatewaySecretAsync("twice", "kiwify", "s-4", TimeSpan.Zero);
        database.Directory.FindConnection("twice", "kiwify")!.Secrets.ShouldBe(["s-4"]);
        (await database.ScalarAsync<long>("select count(*) from gateway_secret where tenant_id = 'twice'")).ShouldBe(1);
    }

    [Fact]
    public async Task Setting_the_same_secret_or_token_again_changes_nothing()
    {
        await Tenants.AddTenantAsync("again", "Again");

        (await Tenants.SetGatewaySecretAsync("again", "hotmart", "the-secret")).ShouldBeTrue();
        (await Tenants.SetGatewaySecretAsync("again", "hotmart", "the-secret")).ShouldBeFalse();
        (await Tenants.SetPixelAsync("again", "123", "the-token", "TEST1")).ShouldBeTrue();
        (await Tenants.SetPixelAsync("again", "123", "the-token")).ShouldBeFalse();

        (await database.FactsAsync("again")).Count.ShouldBe(3);
        database.Directory.FindPixel("again", "123").ShouldBe(new Pixel("123", "the-token", "TEST1"));
    }

    [Fact]
    public async Task A_pixel_gets_a_new_token_and_loses_its_test_event_code_on_request()
    {
        await Tenants.AddTenantAsync("pixels", "Pixels");
        await Tenants.SetPixelAsync("pixels", "123", "token-1", "TEST1");

        await Tenants.SetPixelAsync("pixels", "123", "token-2");
        database.Directory.FindPixel("pixels", "123").ShouldBe(new Pixel("123", "token-2", "TEST1"));
        await Tenants.SetPixelAsync("pixels", "123", "token-2", "");
        database.Directory.FindPixel("pixels", "123").ShouldBe(new Pixel("123", "token-2", null));

        database.Directory.FindPixel("pixels", "999").ShouldBeNull();
        (await Tenants.ListPixelsAsync("pixels")).Single().PixelId.ShouldBe("123");
    }

    [Fact]
    public async Task Secrets_and_tokens_and_keys_stand_in_no_table_in_the_clear()
    {
        await Tenants.AddTenantAsync("sealed", "Findable name");
        await Tenants.SetGatewaySecretAsync("sealed", "stripe", "whsec_first_0123456789");
        await Tenants.SetGatewaySecretAsync("sealed", "stripe", "whsec_second_0123456789");
        await Tenants.SetPixelAsync("sealed", "123", "EAAB_token_0123456789");
        var key = await database.Host.ApiKeys().AddAsync("sealed", "dashboard");

        (await database.RowsShowingAsync("Findable name")).ShouldBe(2);
        (await database.RowsShowingAsync("whsec_first_0123456789")).ShouldBe(0);
        (await database.RowsShowingAsync("whsec_second_0123456789")).ShouldBe(0);
        (await database.RowsShowingAsync("EAAB_token_0123456789")).ShouldBe(0);
        (await database.RowsShowingAsync(key.Key)).ShouldBe(0);
        key.ToString().ShouldNotContain(key.Key);
    }

    [Theory]
    [InlineData("empty", "")]
    [InlineData("padded", " the-value")]
    [InlineData("line-break", "the-value\n")]
    public async Task An_empty_or_padded_secret_is_refused_and_not_repeated(string tenant, string secret)
    {
        await Tenants.AddTenantAsync(tenant, "Padded");

        var ofGateway = await Should.ThrowAsync<TenantChangeRefusedException>(Tenants.SetGatewaySecretAsync(tenant, "hotmart", secret));
        var ofPixel = await Should.ThrowAsync<TenantChangeRefusedException>(Tenants.SetPixelAsync(tenant, "123", secret));

        ofGateway.Field.ShouldBe("secret");
        ofGateway.Message.ShouldNotContain("the-value");
        ofPixel.Field.ShouldBe("token");
        (await database.FactsAsync(tenant)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_gateway_that_is_not_there_and_a_pixel_that_is_no_number_are_refused()
    {
        await Tenants.AddTenantAsync("wrong", "Wrong");

        var gateway = await Should.ThrowAsync<TenantChangeRefusedException>(Tenants.SetGatewaySecretAsync("wrong", "paypal", "secret"));
        var pixel = await Should.ThrowAsync<TenantChangeRefusedException>(Tenants.SetPixelAsync("wrong", "my-pixel", "token"));
        var overlap = await Should.ThrowAsync<TenantChangeRefusedException>(
            Tenants.SetGatewaySecretAsync("wrong", "hotmart", "secret", TimeSpan.FromSeconds(-1))
        );

        gateway.Message.ShouldContain("hotmart, kiwify, perfectpay, stripe");
        pixel.Field.ShouldBe("pixel");
        overlap.Field.ShouldBe("overlap");
        (await Tenants.SetGatewaySecretAsync("wrong", "Hotmart", "secret")).ShouldBeTrue();
        database.Directory.FindConnection("wrong", "hotmart").ShouldNotBeNull();
    }
}
