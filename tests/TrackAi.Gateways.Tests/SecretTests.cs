using System.Security.Cryptography;
using System.Text;

namespace TrackAi.Gateways.Tests;

public sealed class SecretTests
{
    private static readonly byte[] Body = "{\"a\":1}"u8.ToArray();

    [Theory]
    [InlineData("secret", "secret", true)]
    [InlineData("secret", "Secret", false)]
    [InlineData("secret", "secre", false)]
    [InlineData("secret", "", false)]
    [InlineData("secret", null, false)]
    [InlineData("", "", false)]
    [InlineData("", null, false)]
    [InlineData("ção", "ção", true)]
    public void Only_the_same_secret_is_equal_and_an_empty_one_proves_nothing(string expected, string? actual, bool equal) =>
        Secret.Equals(expected, actual).ShouldBe(equal);

    [Fact]
    public void A_signature_covers_every_byte_and_is_read_in_either_case_with_or_without_its_prefix()
    {
        var signature = Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes("key"), Body));

        Secret.SignedSha256("key", Body, signature).ShouldBeTrue();
        Secret.SignedSha256("key", Body, signature.ToUpperInvariant()).ShouldBeTrue();
        Secret.SignedSha256("key", Body, $"sha256={signature}").ShouldBeTrue();
        Secret.SignedSha256("key", [.. Body, 0x20], signature).ShouldBeFalse();
        Secret.SignedSha256("other", Body, signature).ShouldBeFalse();
        Secret.SignedSha256("", Body, Convert.ToHexStringLower(HMACSHA256.HashData(Array.Empty<byte>(), Body))).ShouldBeFalse();
    }

    [Theory]
    [InlineData("")]
    [InlineData("sha256=")]
    [InlineData("zz")]
    [InlineData("sha256=sha256=")]
    public void What_is_no_signature_proves_nothing(string signature) => Secret.SignedSha256("key", Body, signature).ShouldBeFalse();
}
