using System.Buffers.Binary;
using System.Collections.Frozen;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using TrackAi.Contracts;

namespace TrackAi.Tenancy;

/// <summary>The SHA-256 of an API key, as a key of a dictionary.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct KeyDigest(UInt128 High, UInt128 Low)
{
    public static byte[] Bytes(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    public static KeyDigest Of(ReadOnlySpan<byte> hash) =>
        new(BinaryPrimitives.ReadUInt128BigEndian(hash), BinaryPrimitives.ReadUInt128BigEndian(hash[16..]));
}

internal sealed record KnownApiKey(Guid Id, string Tenant, KeyDigest Digest, IReadOnlyList<string> Scopes, DateTimeOffset? EndsAt);

/// <summary>A connection with and without the secret that is running out, so that a look-up only has to compare times.</summary>
/// <param name="PreviousUntil">Null when there is no previous secret.</param>
internal sealed record KnownConnection(GatewayConnection Now, GatewayConnection Later, DateTimeOffset? PreviousUntil)
{
    public GatewayConnection At(DateTimeOffset now) => now < PreviousUntil ? Now : Later;

    public KnownConnection WithSecretsOf(KnownConnection other) =>
        new(Now with { Secrets = other.Now.Secrets }, Later with { Secrets = other.Later.Secrets }, other.PreviousUntil);
}

/// <summary>All that is known of one tenant. Never changed: a reload makes a new one.</summary>
internal sealed record KnownTenant(
    Tenant Tenant,
    FrozenDictionary<string, KnownConnection> Connections,
    FunnelRoutes Funnels,
    FrozenDictionary<string, Pixel> Pixels,
    IReadOnlyList<KnownApiKey> ApiKeys
)
{
    /// <summary>The same with the secret or token that does not open any more as it was before; null where it was not known.</summary>
    public KnownTenant? Keeping(Unopened unopened, KnownTenant? before)
    {
        if (unopened.Gateway is { } gateway && before?.Connections.GetValueOrDefault(gateway) is { Now.Secrets.Count: > 0 } connection)
            return this with { Connections = With(Connections, gateway, Connections[gateway].WithSecretsOf(connection)) };
        if (unopened.PixelId is { } pixelId && before?.Pixels.GetValueOrDefault(pixelId) is { } pixel)
            return this with { Pixels = With(Pixels, pixelId, pixel) };
        return null;
    }

    private static FrozenDictionary<string, T> With<T>(FrozenDictionary<string, T> all, string key, T value) =>
        all.Where(pair => pair.Key != key).Append(new(key, value)).ToFrozenDictionary(StringComparer.Ordinal);
}

/// <summary>All tenants at one moment.</summary>
internal sealed class TenantSnapshot
{
    public TenantSnapshot(IEnumerable<KnownTenant> tenants)
    {
        Tenants = tenants.ToFrozenDictionary(known => known.Tenant.Slug, StringComparer.Ordinal);
        ApiKeys = Tenants.Values.SelectMany(known => known.ApiKeys).ToFrozenDictionary(key => key.Digest);
    }

    public FrozenDictionary<string, KnownTenant> Tenants { get; }

    public FrozenDictionary<KeyDigest, KnownApiKey> ApiKeys { get; }

    /// <summary>The same with some tenants read anew; one that was asked for and not found is gone.</summary>
    public TenantSnapshot With(IReadOnlyCollection<string> asked, IReadOnlyCollection<KnownTenant> found) =>
        new(Tenants.Values.Where(known => !asked.Contains(known.Tenant.Slug, StringComparer.Ordinal)).Concat(found));
}
