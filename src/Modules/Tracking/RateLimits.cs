using System.Net;
using System.Threading.RateLimiting;
using TrackAi.Contracts;

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
    private readonly PartitionedRateLimiter<IPAddress> addresses = PartitionedRateLimiter.Create<IPAddress, int>(address =>
        PerSecond(AddressBuckets.Of(address), options.PerAddressPerSecond)
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
