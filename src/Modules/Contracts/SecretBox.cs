namespace TrackAi.Contracts;

/// <summary>
/// Seals small secrets (a gateway's secret, a pixel's token) under the master key. Implemented by Privacy.
/// <para><c>purpose</c> is bound to what was sealed: name the place it is stored at, such as <c>pixel-token|acme|123</c>, and a value
/// copied to another place does not open.</para>
/// </summary>
public interface ISecretBox
{
    /// <summary>Throws <see cref="InvalidOperationException"/> when the master key is not the one this database was sealed under.</summary>
    byte[] Seal(string purpose, string plaintext);

    /// <summary>Throws <see cref="System.Security.Cryptography.CryptographicException"/> when it was not sealed for this purpose under this master key.</summary>
    string Open(string purpose, byte[] @sealed);
}

/// <summary>A module that keeps sealed secrets in tables of its own.</summary>
public interface IHoldSecrets
{
    /// <summary>Opens every secret and seals it anew, now that another master key is the one; returns how many.</summary>
    Task<long> ResealAsync(CancellationToken cancellationToken);

    /// <summary>What does not open under the master key, each in words that name it and how it is set anew.</summary>
    Task<IReadOnlyList<string>> FindUnopenedAsync(CancellationToken cancellationToken);
}

/// <param name="LookupKey">Whether the key of look-ups was sealed anew; it stays the same itself.</param>
public sealed record KeyRotation(long StreamKeys, long Secrets, bool LookupKey);

/// <summary>The master key of the installation. Implemented by Privacy.</summary>
public interface IMasterKeys
{
    /// <summary>What is wrong with the configured key for this database, and the remedy; null when it is the right one.</summary>
    string? Problem();

    /// <summary>The secrets that do not open although the key is the right one: damaged, or brought in from elsewhere.</summary>
    Task<IReadOnlyList<string>> FindUnopenedAsync(CancellationToken cancellationToken = default);

    /// <summary>Wraps everything under <c>Secrets:MasterKey</c> that is still under <c>Secrets:OtherMasterKey</c>. Doing it again finds nothing.</summary>
    Task<KeyRotation> RotateAsync(CancellationToken cancellationToken = default);
}
