using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace TrackAi.Tenancy;

/// <summary>Codes of an authenticator app: RFC 6238 with SHA-1, six digits and steps of 30 seconds, which is what every app can do.</summary>
internal static class Totp
{
    private const string Base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    private const int SecretBytes = 20;
    private const int StepSeconds = 30;

    // A clock may be a step off, either way.
    private const int Tolerance = 1;

    public static string NewSecret() => Encode(RandomNumberGenerator.GetBytes(SecretBytes));

    /// <summary>What authenticator apps read. https://github.com/google/google-authenticator/wiki/Key-Uri-Format</summary>
    public static string Uri(string secret, string account) =>
        $"otpauth://totp/TrackAi:{System.Uri.EscapeDataString(account)}?secret={secret}&issuer=TrackAi";

    /// <summary>The step whose code it is, later than <paramref name="after"/>; null for a wrong or used one.</summary>
    public static long? StepOf(string secret, string? code, DateTimeOffset now, long after)
    {
        var digits = string.Concat((code ?? "").Where(char.IsAsciiDigit));
        if (digits.Length != 6 || Decode(secret) is not { } key)
            return null;
        var current = now.ToUnixTimeSeconds() / StepSeconds;
        for (var step = current - Tolerance; step <= current + Tolerance; step++)
        {
            if (
                step > after
                && CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Code(key, step)), Encoding.ASCII.GetBytes(digits))
            )
                return step;
        }

        return null;
    }

    public static string Code(string secret, DateTimeOffset now) =>
        Code(Decode(secret) ?? throw new ArgumentException("It is not in base32.", nameof(secret)), now.ToUnixTimeSeconds() / StepSeconds);

    // RFC 4226, section 5.3.
    private static string Code(byte[] key, long step)
    {
        Span<byte> counter = stackalloc byte[8];
        BinaryPrimitives.WriteInt64BigEndian(counter, step);
        Span<byte> hash = stackalloc byte[20];
#pragma warning disable CA5350 // The RFC's hash, and the only one that all apps know.
        HMACSHA1.HashData(key, counter, hash);
#pragma warning restore CA5350
        var offset = hash[^1] & 0x0F;
        var number = BinaryPrimitives.ReadInt32BigEndian(hash[offset..]) & 0x7FFFFFFF;
        return (number % 1_000_000).ToString("000000", CultureInfo.InvariantCulture);
    }

    private static string Encode(byte[] bytes)
    {
        var text = new StringBuilder();
        var (bits, buffer) = (0, 0);
        foreach (var one in bytes)
        {
            buffer = (buffer << 8) | one;
            for (bits += 8; bits >= 5; bits -= 5)
                text.Append(Base32[(buffer >> (bits - 5)) & 31]);
        }

        if (bits > 0)
            text.Append(Base32[(buffer << (5 - bits)) & 31]);
        return text.ToString();
    }

    private static byte[]? Decode(string text)
    {
        var bytes = new List<byte>();
        var (bits, buffer) = (0, 0);
        foreach (var character in text)
        {
            if (Base32.IndexOf(character, StringComparison.Ordinal) is var value && value < 0)
                return null;
            buffer = ((buffer << 5) | value) & 0xFFFF;
            bits += 5;
            if (bits >= 8)
                bytes.Add((byte)(buffer >> (bits -= 8)));
        }

        return [.. bytes];
    }
}
