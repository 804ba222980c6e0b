using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace TrackAi.Contracts;

/// <summary>The one place that makes ids: random ones from the injected clock, derived ones from the fact they name.</summary>
public sealed class Ids(TimeProvider time)
{
    /// <summary>Namespace of every derived id. Published, so that a thank-you page can compute the same <c>event_id</c>.</summary>
    public static readonly Guid Namespace = new("6f0b6a52-6d0b-5b52-9d55-4d0a8f3c1e77");

    /// <summary>A new, time-ordered id (UUIDv7).</summary>
    public Guid New() => Guid.CreateVersion7(time.GetUtcNow());

    /// <summary>Meta's <c>event_id</c> of a sale: UUIDv5 of <c>tenant|gateway|order|event_name</c>. The same sale has the same id for ever.</summary>
    public static Guid EventId(string tenant, string gateway, string order, string eventName) =>
        Derived($"{tenant}|{gateway}|{order}|{eventName}");

    /// <summary>UUIDv5 (RFC 9562, section 5.5) of <paramref name="name"/> under <see cref="Namespace"/>.</summary>
    public static Guid Derived(string name)
    {
        Span<byte> input = new byte[16 + Encoding.UTF8.GetByteCount(name)];
        Namespace.TryWriteBytes(input, bigEndian: true, out _);
        Encoding.UTF8.GetBytes(name, input[16..]);

        Span<byte> hash = stackalloc byte[20];
#pragma warning disable CA5350 // RFC 9562 defines version 5 over SHA-1; it names, it does not protect.
        SHA1.HashData(input, hash);
#pragma warning restore CA5350
        BinaryPrimitives.WriteUInt16BigEndian(hash[6..], (ushort)((BinaryPrimitives.ReadUInt16BigEndian(hash[6..]) & 0x0FFF) | 0x5000));
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..16], bigEndian: true);
    }
}
