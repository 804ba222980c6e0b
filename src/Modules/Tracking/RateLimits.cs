using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;

namespace TrackAi.Tracking;

/// <summary>Section <c>RateLimits:Track</c>: how many visits are taken in; 0 is no limit.</summary>
public sealed class TrackRateLimitOptions
{
    public int PerAddressPerSecond { get; set; } = 50;

    public int PerTenantPerSecond { get; set; } = 2000;
}

/// <summary>Token buckets by address and by tenant, each with a burst of one second.</summary>
internal sealed class RateLimits(TrackRateLimitOptions options) : IDisposable
{
    // Addresses share these buckets by a hash that is seeded anew at each start: however many there are, the memory is that of so many.
    private const int AddressBuckets = 16 * 1024;

    private readonly PartitionedRateLimiter<IPAddress> addresses = PartitionedRateLimiter.Create<IPAddress, int>(address =>
        PerSecond(Bucket(address), options.PerAddressPerSecond)
    );

    // Known tenants only: nobody makes these many.
    private readonly PartitionedRateLimiter<string> tenants = PartitionedRateLimiter.Create<string, string>(tenant =>
        PerSecond(tenant, options.PerTenantPerSecond)
    );

    public bool TakeFor(IPAddress? address)
    {
        if (options.PerAddressPerSecond == 0 || address is null)
            return true;
        using var lease = addresses.AttemptAcquire(address);
        return lease.IsAcquired;
    }

    public bool TakeFor(string tenant)
    {
        if (options.PerTenantPerSecond == 0)
            return true;
        using var lease = tenants.AttemptAcquire(tenant);
        return lease.IsAcquired;
    }

    public void Dispose()
    {
        addresses.Dispose();
        tenants.Dispose();
    }

    internal static int Bucket(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var length);
        var hash = new HashCode();
        // Whoever has one IPv6 address has the 2^64 of its network.
        hash.AddBytes(bytes[..(address.AddressFamily == AddressFamily.InterNetworkV6 ? 8 : length)]);
        return hash.ToHashCode() & (AddressBuckets - 1);
    }

    private static RateLimitPartition<TKey> PerSecond<TKey>(TKey key, int permits) =>
        RateLimitPartition.GetTokenBucketLimiter(
            key,
            _ => new TokenBucketRateLimiterOptions
            {
                TokenLimit = permits,
                TokensPerPeriod = permits,
                ReplenishmentPeriod = TimeSpan.FromSeconds(1),
                QueueLimit = 0,
            }
        );
}
