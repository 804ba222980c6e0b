namespace TrackAi.Tenancy.Tests;

/// <summary>The codes of authenticator apps.</summary>
public sealed class TotpTests
{
    // "12345678901234567890" in base32, the secret of RFC 6238's own vectors (appendix B), whose codes have two digits more.
    private const string Secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    [Theory]
    [InlineData(59, "287082")]
    [InlineData(1111111109, "081804")]
    [InlineData(1234567890, "005924")]
    [InlineData(20000000000, "353130")]
    public void They_are_those_of_the_RFC(long seconds, string code) =>
        Totp.Code(Secret, DateTimeOffset.FromUnixTimeSeconds(seconds)).ShouldBe(code);

    [Fact]
    public void A_code_counts_once_and_a_step_early_or_late()
    {
        var now = DateTimeOffset.FromUnixTimeSeconds(1_234_567_890);
        var step = Totp.StepOf(Secret, "005 924", now, after: 0).ShouldNotBeNull();

        Totp.StepOf(Secret, "005924", now, after: step).ShouldBeNull("it was used");
        Totp.StepOf(Secret, "005924", now.AddSeconds(30), after: 0).ShouldBe(step);
        Totp.StepOf(Secret, "005924", now.AddSeconds(90), after: 0).ShouldBeNull();
        Totp.StepOf(Secret, "", now, after: 0).ShouldBeNull();
    }

    [Fact]
    public void A_new_secret_is_one_that_apps_read()
    {
        var secret = Totp.NewSecret();

        secret.Length.ShouldBe(32);
        Totp.Uri(secret, "ana@loja.example").ShouldBe($"otpauth://totp/TrackAi:ana%40loja.example?secret={secret}&issuer=TrackAi");
        var now = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);
        Totp.StepOf(secret, Totp.Code(secret, now), now, after: 0).ShouldNotBeNull();
    }
}
