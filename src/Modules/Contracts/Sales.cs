namespace TrackAi.Contracts;

/// <summary>Which sales of a tenant are meant; what is null does not narrow.</summary>
/// <param name="From">The first moment of receipt, and <paramref name="Until"/> the first that no longer counts.</param>
/// <param name="Status"><c>waiting</c>, <c>failed</c>, <c>sent</c>, <c>skipped</c> or <c>dead</c>.</param>
/// <param name="Search">An order, a conversion or Meta's event_id (at least its first eight digits), or how it begins; wherever it is found, the other
/// filters do not matter.</param>
public sealed record SaleQuery(
    string TenantId,
    DateTimeOffset From,
    DateTimeOffset Until,
    string? Gateway = null,
    string? Status = null,
    string? Search = null,
    string? Funnel = null
);

/// <summary>A sale as it stands. The words are those of the read models (docs/read-models.md).</summary>
/// <param name="Matched">Null until it was decided.</param>
public sealed record SaleRow(
    string ConversionId,
    string Gateway,
    string OrderId,
    Guid EventId,
    string Kind,
    string State,
    decimal Amount,
    string Currency,
    string? ProductId,
    DateTimeOffset OccurredAt,
    DateTimeOffset ReceivedAt,
    bool? Matched,
    string? MatchRule,
    double? MatchScore,
    string? ClickId,
    string DispatchStatus,
    string? DispatchReason,
    DateTimeOffset? SentAt,
    string? UtmSource,
    string? UtmCampaign
)
{
    /// <summary>The funnel it is routed by; null for none, and until it was decided.</summary>
    public string? FunnelId { get; init; }
}

/// <summary>After which row a page begins, the latest being first.</summary>
public sealed record SalePosition(DateTimeOffset ReceivedAt, string ConversionId);

/// <summary>Sales, one by one, from the read models. Implemented by Analytics.</summary>
public interface IReadSales
{
    /// <summary>How many sales of one gateway a search finds at most, the first by their order.</summary>
    public const int MostFound = 500;

    /// <summary>The latest first.</summary>
    Task<IReadOnlyList<SaleRow>> ListAsync(
        SaleQuery query,
        int limit,
        SalePosition? after = null,
        CancellationToken cancellationToken = default
    );

    /// <summary>All of them, a row at a time.</summary>
    IAsyncEnumerable<SaleRow> StreamAsync(SaleQuery query, CancellationToken cancellationToken = default);

    /// <summary>Null for an unknown one.</summary>
    Task<SaleRow?> FindAsync(string tenant, string conversionId, CancellationToken cancellationToken = default);

    /// <summary>How many of these dispatches stand where, by status.</summary>
    Task<IReadOnlyDictionary<string, long>> CountDispatchesAsync(
        string tenant,
        IReadOnlyCollection<(string ConversionId, string DispatchId)> dispatches,
        CancellationToken cancellationToken = default
    );

    /// <summary>Since when the first of the sales that are to be sent and are not yet has waited; null when none does.</summary>
    Task<DateTimeOffset?> OldestWaitingAsync(string tenant, CancellationToken cancellationToken = default);
}
