namespace TrackAi.Contracts;

/// <summary>
/// Seals small secrets (a gateway's secret, a pixel's token) under the master key. Implemented by Privacy.
/// <para><c>purpose</c> is bound to what was sealed: name the place it is stored at, such as <c>pixel-token|acme|123</c>, and a value
/// copied to another place does not open.</para>
/// </summary>
public interface ISecretBox
{
    byte[] Seal(string purpose, string plaintext);

    /// <summary>Throws <see cref="System.Security.Cryptography.CryptographicException"/> when it was not sealed for this purpose under this master key.</summary>
    string Open(string purpose, byte[] @sealed);
}
