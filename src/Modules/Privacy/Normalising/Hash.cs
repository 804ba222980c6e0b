using System.Security.Cryptography;
using System.Text;

namespace TrackAi.Privacy.Normalising;

/// <summary>SHA-256 in lower-case hex, as Meta wants it.</summary>
internal static class Hash
{
    public static string Of(string normalised)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(normalised), hash);
        return Convert.ToHexStringLower(hash);
    }

    /// <summary>Whether <paramref name="text"/> is such a hash already: hashed again, it would match nobody.</summary>
    public static bool IsHash(string text) => text.Length == SHA256.HashSizeInBytes * 2 && text.All(char.IsAsciiHexDigit);

    public static IReadOnlyList<string> OfEach(IEnumerable<string> variants) => [.. variants.Distinct(StringComparer.Ordinal).Select(Of)];
}
