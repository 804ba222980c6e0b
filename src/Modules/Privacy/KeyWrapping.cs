using System.Security.Cryptography;

namespace TrackAi.Privacy;

/// <summary>Wraps the keys of streams under a key derived from the master key.</summary>
internal sealed class KeyWrapping(MasterKey master, RandomNumberGenerator random)
{
    private const byte Format = 1;
    private const string Label = "trackai/stream-keys/v1";

    private readonly byte[] key = master.Derive(Label);
    private readonly byte[]? other = master.Other?.Derive(Label);

    public byte[] Wrap(string context, ReadOnlySpan<byte> streamKey) => Aead.Seal(Format, key, context, streamKey, random);

    public byte[] Unwrap(string context, byte[] wrapped) => Aead.Open(Format, key, other, context, wrapped);

    /// <summary>Whether it opens under the master key itself.</summary>
    public bool IsCurrent(string context, byte[] wrapped)
    {
        try
        {
            Aead.Open(Format, key, context, wrapped);
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }
}
