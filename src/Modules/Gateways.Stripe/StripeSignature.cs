using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace TrackAi.Gateways.Stripe;

/// <summary>
/// Stripe's signature, https://docs.stripe.com/webhooks#verify-manually: <c>t=…,v1=…</c>, HMAC-SHA-256 of <c>{t}.{body}</c> under the whole
/// <c>whsec_…</c>. Any of several <c>v1</c> will do, while a secret is rolled; other schemes prove nothing.
/// </summary>
internal static class StripeSignature
{
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(300);

    public static bool Verify(string header, ReadOnlySpan<byte> body, string secret, DateTimeOffset receivedAt)
    {
        var (timestamp, signatures) = Parse(header);
        if (timestamp is not { } signedAt || signatures.Count == 0 || secret.Length == 0)
            return false;
        byte[] signed = [.. Encoding.ASCII.GetBytes($"{signedAt}."), .. body];
        var expected = Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), signed));
        // Compared before its age is looked at, and each of them, so that the time it takes tells nothing.
        var isSigned = signatures.Aggregate(false, (found, signature) => Secret.Equals(expected, signature) || found);
        return isSigned && receivedAt.ToUnixTimeSeconds() - signedAt <= Tolerance.TotalSeconds;
    }

    // As the official library: no space after a comma, the last t counts.
    private static (long? Timestamp, List<string> Signatures) Parse(string header)
    {
        var (timestamp, signatures) = ((long?)null, new List<string>());
        foreach (var item in header.Split(','))
        {
            var parts = item.Split('=');
            if (parts.Length < 2)
                continue;
            if (parts[0] == "t")
                timestamp = long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? seconds : null;
            else if (parts[0] == "v1")
                signatures.Add(parts[1]);
        }

        return (timestamp, signatures);
    }
}
