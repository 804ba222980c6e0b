using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace TrackAi.Privacy.Tests;

public sealed class SecretsTests
{
    private static SecretBox Box(string? key = null) => new(new MasterKey(key ?? PrivacyDatabase.Key), RandomNumberGenerator.Create());

    [Theory]
    [InlineData("EAAB…token")]
    [InlineData("")]
    [InlineData("whsec_ção")]
    public void A_secret_is_opened_as_it_was_sealed(string secret) =>
        Box().Open("pixel-token|acme|123", Box().Seal("pixel-token|acme|123", secret)).ShouldBe(secret);

    [Fact]
    public void A_secret_copied_to_another_place_does_not_open()
    {
        var token = Box().Seal("pixel-token|acme|123", "EAABtoken");

        Should
            .Throw<CryptographicException>(() => Box().Open("pixel-token|rival|123", token))
            .Message.ShouldContain("pixel-token|rival|123");
        Should.Throw<CryptographicException>(() => Box(PrivacyOptions.NewMasterKey()).Open("pixel-token|acme|123", token));
        Should.Throw<CryptographicException>(() => Box().Open("pixel-token|acme|123", [.. token[..^1], (byte)(token[^1] ^ 1)]));
        Should.Throw<CryptographicException>(() => Box().Open("pixel-token|acme|123", []));
    }

    [Fact]
    public void A_sealed_secret_shows_nothing() => Encoding.Latin1.GetString(Box().Seal("p", "EAABtoken")).ShouldNotContain("EAAB");

    [Theory]
    [InlineData(null, "is not set")]
    [InlineData(" ", "is not set")]
    [InlineData("not a key!", "is not base64")]
    [InlineData("c2hvcnQ=", "holds 5 bytes instead of 32")]
    public void A_missing_or_malformed_master_key_says_what_to_do(string? key, string problem)
    {
        var message = Should.Throw<MasterKeyException>(() => new MasterKey(key)).Message;

        message.ShouldContain("Secrets:MasterKey");
        message.ShouldContain(problem);
        message.ShouldContain("trackai keys new");
        if (!string.IsNullOrWhiteSpace(key))
            message.ShouldNotContain(key);
    }

    [Fact]
    public void Without_a_master_key_the_module_does_not_start()
    {
        var services = new ServiceCollection().AddSingleton<IConfiguration>(new ConfigurationBuilder().Build()).AddPrivacy();
        using var provider = services.BuildServiceProvider();

        Should
            .Throw<OptionsValidationException>(() => provider.GetRequiredService<IStartupValidator>().Validate())
            .Message.ShouldContain("trackai keys new");
    }

    [Fact]
    public void A_new_master_key_is_a_good_one() => MasterKey.Problem(PrivacyOptions.NewMasterKey()).ShouldBeNull();
}
