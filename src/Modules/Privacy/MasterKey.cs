using System.Security.Cryptography;
using System.Text;

namespace TrackAi.Privacy;

/// <summary>The key of the installation. It encrypts nothing itself: each use has its own key, derived by HKDF-SHA-256 under a fixed label.</summary>
internal sealed class MasterKey
{
    public const int Length = 32;

    private readonly byte[] key;

    /// <param name="base64">The setting; <see cref="Problem"/> says what is wrong with one that does not do.</param>
    /// <param name="other">A second key that is taken for opening, while one follows the other.</param>
    public MasterKey(string? base64, string? other = null)
    {
        key = Problem(base64) is { } problem ? throw new MasterKeyException(problem) : Decode(base64!)!;
        Other = string.IsNullOrWhiteSpace(other) ? null : new MasterKey(other);
    }

    public MasterKey? Other { get; }

    /// <summary>What every label is derived from; <see cref="Expand"/> of it is what <see cref="Derive"/> gives.</summary>
    public byte[] Root => HKDF.Extract(HashAlgorithmName.SHA256, key);

    public static byte[] Expand(byte[] root, string label) =>
        HKDF.Expand(HashAlgorithmName.SHA256, root, Length, Encoding.UTF8.GetBytes(label));

    /// <summary>The sentence an operator needs, or null when the key will do. Never shows the key.</summary>
    public static string? Problem(string? base64)
    {
        const string remedy =
            "Make one with `trackai keys new`, keep it somewhere safe and set it as Secrets:MasterKey (environment: Secrets__MasterKey).";
        if (string.IsNullOrWhiteSpace(base64))
            return $"Secrets:MasterKey is not set. {remedy}";
        return Decode(base64) switch
        {
            null => $"Secrets:MasterKey is not base64. It must be {Length} bytes in base64. {remedy}",
            { Length: not Length } decoded => $"Secrets:MasterKey holds {decoded.Length} bytes instead of {Length}. {remedy}",
            _ => null,
        };
    }

    /// <summary>The key for one use. A label is never changed: what was sealed under it would be lost.</summary>
    public byte[] Derive(string label) => HKDF.DeriveKey(HashAlgorithmName.SHA256, key, Length, info: Encoding.UTF8.GetBytes(label));

    public override string ToString() => nameof(MasterKey);

    private static byte[]? Decode(string base64)
    {
        var decoded = new byte[base64.Length];
        return Convert.TryFromBase64String(base64.Trim(), decoded, out var length) ? decoded[..length] : null;
    }
}

/// <summary>The master key is missing or malformed.</summary>
internal sealed class MasterKeyException(string message) : Exception(message);
