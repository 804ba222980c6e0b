using System.Threading.RateLimiting;

namespace TrackAi.Gateways;

/// <summary>Section <c>RateLimits:Webhooks</c>.</summary>
public sealed class WebhookRateLimitOptions
{
    /// <summary>Deliveries taken in for one tenant; 0 is no limit, since a gateway that is refused may give up on a sale.</summary>
    public int PerTenantPerSecond { get; set; }
}

/// <summary>A token bucket for each tenant, with a burst of one second.</summary>
internal sealed class RateLimits(WebhookRateLimitOptions options) : IDisposable
{
    private readonly PartitionedRateLimiter<string> tenants = PartitionedRateLimiter.Create<string, string>(tenant =>
        RateLimitPartition.GetTokenBucketLimiter(
            tenant,
            _ => new TokenBucketRateLimiterOptions
            {
                TokenLimit = options.PerTenantPerSecond,
                TokensPerPeriod = options.PerTenantPerSecond,
                ReplenishmentPeriod = TimeSpan.FromSeconds(1),
                QueueLimit = 0,
            }
        )
    );

    public bool TakeFor(string tenant)
    {
        if (options.PerTenantPerSecond == 0)
            return true;
        using var lease = tenants.AttemptAcquire(tenant);
        return lease.IsAcquired;
    }

    public void Dispose() => tenants.Dispose();
}
