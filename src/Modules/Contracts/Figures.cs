namespace TrackAi.Contracts;

/// <summary>Which conversions figures are of: received on whole days of the tenant, both ends included.</summary>
/// <param name="Funnel">The id of the funnel that they were routed by.</param>
public sealed record FigureScope(string TenantId, DateOnly From, DateOnly To, string? Gateway = null, string? Funnel = null)
{
    /// <summary>Whether a conversion of its days is one of them.</summary>
    /// <param name="funnelId">Empty for none.</param>
    public bool Has(string gateway, string funnelId) => (Gateway is null || Gateway == gateway) && (Funnel is null || Funnel == funnelId);
}

/// <summary>
/// How many conversions of one kind there were on a day, and what they are worth. Every conversion is in exactly one cell. The words are those of the
/// read models (docs/read-models.md).
/// </summary>
/// <param name="Match">The rule, <c>unmatched</c> or <c>undecided</c>.</param>
/// <param name="Status"><c>waiting</c>, <c>failed</c>, <c>sent</c>, <c>skipped</c> or <c>dead</c>.</param>
public sealed record FigureCell(
    DateOnly Date,
    string Gateway,
    string Kind,
    string State,
    string Currency,
    string Match,
    string Status,
    string Reason,
    long Conversions,
    decimal Amount
)
{
    /// <summary>The funnel that they were routed by; empty for none, and until they were decided.</summary>
    public string FunnelId { get; init; } = "";
}

/// <summary>How long it took from "accepted and paid" to Meta's confirmation, of the latest sales of a day.</summary>
/// <param name="Seconds">Of each sale looked at, in no order.</param>
public sealed record DelaySample(DateOnly Date, IReadOnlyList<double> Seconds);

/// <summary>Figures for people, from the daily read models only. Implemented by Analytics.</summary>
public interface IReadFigures
{
    Task<IReadOnlyList<FigureCell>> CellsAsync(FigureScope scope, CancellationToken cancellationToken = default);

    /// <summary>Of several tenants at once, under the id of each: one scope a tenant, each with days of its own.</summary>
    Task<ILookup<string, FigureCell>> CellsAsync(IReadOnlyCollection<FigureScope> scopes, CancellationToken cancellationToken = default);

    /// <summary>A day's latest sales stand for all of it.</summary>
    Task<IReadOnlyList<DelaySample>> DelaysAsync(FigureScope scope, CancellationToken cancellationToken = default);
}
