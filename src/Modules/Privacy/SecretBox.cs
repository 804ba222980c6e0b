using System.Security.Cryptography;
using System.Text;
using TrackAi.Contracts;

namespace TrackAi.Privacy;

/// <summary>Secrets of tenants, sealed under a key derived from the master key.</summary>
internal sealed class SecretBox(MasterKey master, RandomNumberGenerator random) : ISecretBox
{
    private const byte Format = 1;

    private const string Label = "trackai/secrets/v1";

    private readonly byte[] key = master.Derive(Label);
    private readonly byte[]? other = master.Other?.Derive(Label);

    public byte[] Seal(string purpose, string plaintext) => Aead.Seal(Format, key, purpose, Encoding.UTF8.GetBytes(plaintext), random);

    public string Open(string purpose, byte[] @sealed) => Encoding.UTF8.GetString(Aead.Open(Format, key, other, purpose, @sealed));
}

/// <summary>
/// The same over a database: what is sealed under a key that is not the database's would open for nobody, so that is refused before anything is
/// written.
/// </summary>
internal sealed class GuardedSecretBox(SecretBox box, LookupRoot lookups) : ISecretBox
{
    public byte[] Seal(string purpose, string plaintext)
    {
        lookups.AssertKey();
        return box.Seal(purpose, plaintext);
    }

    public string Open(string purpose, byte[] @sealed) => box.Open(purpose, @sealed);
}
