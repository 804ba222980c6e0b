using System.Net;
using System.Net.Sockets;

namespace TrackAi.Contracts;

/// <summary>
/// What is counted by address is counted in so many buckets, which addresses share by a hash that is seeded anew at each start: however many there
/// are, the memory is that of so many.
/// </summary>
public static class AddressBuckets
{
    private const int Count = 16 * 1024;

    public static int Of(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var length);
        var hash = new HashCode();
        // Whoever has one IPv6 address has the 2^64 of its network.
        hash.AddBytes(bytes[..(address.AddressFamily == AddressFamily.InterNetworkV6 ? 8 : length)]);
        return hash.ToHashCode() & (Count - 1);
    }
}
