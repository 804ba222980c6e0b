namespace TrackAi.Contracts;

/// <summary>What a seller starts with. What is left out is left as it is.</summary>
public sealed record Onboarding
{
    public required string Tenant { get; init; }
    public string? Name { get; init; }
    public string? TimeZone { get; init; }
    public required string Gateway { get; init; }

    /// <summary>The gateway's name where left out.</summary>
    public string? Funnel { get; init; }
    public string? Product { get; init; }
    public string? Pixel { get; init; }
    public string? PixelToken { get; init; }
    public string? TestEventCode { get; init; }
    public string? Secret { get; init; }
    public IReadOnlyList<string>? Origins { get; init; }

    /// <summary>Never prints the secret and the token.</summary>
    public override string ToString() => $"Onboarding of {Tenant} with {Gateway}";
}

/// <summary>How a seller stands now.</summary>
/// <param name="Changed">What was added or changed: <c>tenant</c>, <c>funnel</c>, <c>secret</c>, <c>pixel</c>, <c>origins</c>; empty when all was so already.</param>
/// <param name="Missing">What still has to be set before a sale can reach Meta, with the command that sets it.</param>
public sealed record Onboarded(string Tenant, string Funnel, string Gateway, IReadOnlyList<string> Changed, IReadOnlyList<string> Missing);

/// <summary>
/// Brings a seller in: tenant, funnel, the gateway's secret, the pixel's token and the pages' origins, in one call that may be made again. Throws
/// <see cref="TenantChangeRefusedException"/>. Implemented by Tenancy.
/// </summary>
public interface IOnboarding
{
    Task<Onboarded> OnboardAsync(Onboarding wanted, CancellationToken cancellationToken = default);
}
