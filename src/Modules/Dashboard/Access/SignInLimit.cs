using System.Net;
using System.Threading.RateLimiting;
using TrackAi.Contracts;

namespace TrackAi.Dashboard.Access;

/// <summary>Section <c>RateLimits:SignIn</c>: how often somebody may try to sign in, whoever they say they are; 0 is no limit.</summary>
public sealed class SignInLimitOptions
{
    public int PerAddressPerMinute { get; set; } = 20;
}

/// <summary>
/// Who tries many users is not stopped by the lock-out of each: their address is. As many attempts as a minute gives at once, then one whenever its
/// share of the minute has passed.
/// </summary>
internal sealed class SignInLimit(SignInLimitOptions options) : IDisposable
{
    private readonly PartitionedRateLimiter<IPAddress> addresses = PartitionedRateLimiter.Create<IPAddress, int>(address =>
        RateLimitPartition.GetTokenBucketLimiter(
            AddressBuckets.Of(address),
            _ => new TokenBucketRateLimiterOptions
            {
                TokenLimit = options.PerAddressPerMinute,
                TokensPerPeriod = 1,
                ReplenishmentPeriod = TimeSpan.FromMinutes(1) / options.PerAddressPerMinute,
                QueueLimit = 0,
            }
        )
    );

    /// <summary>Null where the attempt may be made, else how long to wait.</summary>
    public TimeSpan? Take(IPAddress? address)
    {
        if (options.PerAddressPerMinute == 0 || address is null)
            return null;
        using var lease = addresses.AttemptAcquire(address);
        return lease.IsAcquired ? null
            : lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? wait
            : TimeSpan.FromMinutes(1) / options.PerAddressPerMinute;
    }

    public void Dispose() => addresses.Dispose();
}
