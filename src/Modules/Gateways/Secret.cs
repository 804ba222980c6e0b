using System.Security.Cryptography;
using System.Text;

namespace TrackAi.Gateways;

/// <summary>Comparisons that take the same time whatever the sender guessed. An empty secret proves nothing.</summary>
public static class Secret
{
    public static bool Equals(string expected, string? actual) =>
        expected.Length > 0
        && actual is { Length: > 0 }
        && CryptographicOperations.FixedTimeEquals(
            SHA256.HashData(Encoding.UTF8.GetBytes(expected)),
            SHA256.HashData(Encoding.UTF8.GetBytes(actual))
        );

    /// <summary>HMAC-SHA-256 of the content in hex, with or without <c>sha256=</c> in front.</summary>
    public static bool SignedSha256(string secret, ReadOnlySpan<byte> content, string hexSignature)
    {
        const string Prefix = "sha256=";
        var hex = hexSignature.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) ? hexSignature[Prefix.Length..] : hexSignature;
        return secret.Length > 0
            && hex.Length == 64
            && Equals(Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), content)), hex.ToLowerInvariant());
    }
}
