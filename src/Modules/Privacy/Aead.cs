using System.Security.Cryptography;
using System.Text;

namespace TrackAi.Privacy;

/// <summary>
/// AES-256-GCM in one blob: a format byte, the nonce, the ciphertext, the tag. What is not secret but must not be swapped (the stream, the
/// purpose) is authenticated with it, and so is the format.
/// </summary>
internal static class Aead
{
    private const int NonceLength = 12;
    private const int TagLength = 16;
    private const int Overhead = 1 + NonceLength + TagLength;

    public static byte[] Seal(
        byte format,
        ReadOnlySpan<byte> key,
        string context,
        ReadOnlySpan<byte> plaintext,
        RandomNumberGenerator random
    )
    {
        var blob = new byte[Overhead + plaintext.Length];
        blob[0] = format;
        var nonce = blob.AsSpan(1, NonceLength);
        random.GetBytes(nonce);

        using var aes = new AesGcm(key, TagLength);
        aes.Encrypt(
            nonce,
            plaintext,
            blob.AsSpan(1 + NonceLength, plaintext.Length),
            blob.AsSpan(^TagLength..),
            Associated(format, context)
        );
        return blob;
    }

    /// <summary>Throws <see cref="CryptographicException"/> naming <paramref name="context"/> when key, context or content is another.</summary>
    public static byte[] Open(byte format, ReadOnlySpan<byte> key, string context, ReadOnlySpan<byte> blob)
    {
        if (blob.Length < Overhead || blob[0] != format)
            throw Damaged(context);

        var plaintext = new byte[blob.Length - Overhead];
        using var aes = new AesGcm(key, TagLength);
        try
        {
            aes.Decrypt(
                blob.Slice(1, NonceLength),
                blob[(1 + NonceLength)..^TagLength],
                blob[^TagLength..],
                plaintext,
                Associated(format, context)
            );
        }
        catch (AuthenticationTagMismatchException mismatch)
        {
            throw Damaged(context, mismatch);
        }

        return plaintext;
    }

    /// <summary>The same under one key or, while the master key is being changed, the other.</summary>
    public static byte[] Open(byte format, byte[] key, byte[]? other, string context, ReadOnlySpan<byte> blob)
    {
        try
        {
            return Open(format, key, context, blob);
        }
        catch (CryptographicException) when (other is not null)
        {
            return Open(format, other, context, blob);
        }
    }

    public static CryptographicException Damaged(string context, Exception? inner = null) =>
        new(
            $"What is stored for {context} does not open: it is damaged, belongs elsewhere, or was sealed under another master key.",
            inner
        );

    private static byte[] Associated(byte format, string context)
    {
        var data = new byte[1 + Encoding.UTF8.GetByteCount(context)];
        data[0] = format;
        Encoding.UTF8.GetBytes(context, data.AsSpan(1));
        return data;
    }
}
