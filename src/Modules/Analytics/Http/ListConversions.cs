using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using TrackAi.Analytics.Projections;
using TrackAi.Contracts;

namespace TrackAi.Analytics.Http;

/// <summary>GET /api/v1/analytics/conversions: conversions by the time they reached us, the latest first. A page costs the same wherever it is.</summary>
internal static class ListConversions
{
    public static async Task<Ok<Page<Row>>> HandleAsync(
        string? period,
        string? from,
        string? to,
        string? gateway,
        string? funnel,
        string? status,
        string? limit,
        string? cursor,
        HttpContext http,
        Periods periods,
        IReadSales sales,
        CancellationToken cancellationToken
    )
    {
        var days = periods.Read(Caller.TenantOf(http), period, from, to);
        var most = Parameters.Limit(limit);
        var query = new SaleQuery(
            Caller.TenantOf(http),
            days.Start,
            days.End,
            Parameters.Gateway(gateway),
            Parameters.Status(status, DispatchStatus.All),
            Funnel: Parameters.Funnel(funnel)
        );
        var after = Cursor.Read(cursor) is { } position ? new SalePosition(position.At, position.Id) : null;
        var rows = await sales.ListAsync(query, most + 1, after, cancellationToken);
        return TypedResults.Ok(Page<Row>.Of([.. rows.Select(Row.Of)], most, last => new(last.ReceivedAt, last.ConversionId)));
    }

    /// <param name="Amount">In major units of <paramref name="Currency"/>.</param>
    /// <param name="Matched">Null until it was decided.</param>
    /// <param name="DispatchStatus"><c>waiting</c>, <c>failed</c>, <c>sent</c>, <c>skipped</c> or <c>dead</c>.</param>
    internal sealed record Row(
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
        DateTimeOffset? SentAt
    )
    {
        public static Row Of(SaleRow sale) =>
            new(
                sale.ConversionId,
                sale.Gateway,
                sale.OrderId,
                sale.EventId,
                sale.Kind,
                sale.State,
                sale.Amount,
                sale.Currency,
                sale.ProductId,
                sale.OccurredAt,
                sale.ReceivedAt,
                sale.Matched,
                sale.MatchRule,
                sale.MatchScore,
                sale.ClickId,
                sale.DispatchStatus,
                sale.DispatchReason,
                sale.SentAt
            );
    }
}
