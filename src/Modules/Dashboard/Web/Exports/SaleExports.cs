using TrackAi.Contracts;
using TrackAi.Dashboard.Figures;

namespace TrackAi.Dashboard.Web.Exports;

/// <summary>The page of events.</summary>
internal sealed class SalesExport(IReadSales sales) : IExport
{
    public string Name => "sales";

    public Task<ExportTable> ReadAsync(ExportScope scope, CancellationToken cancellationToken) =>
        Task.FromResult(
            ExportTable.Of(
                sales.StreamAsync(
                    SaleFilter.Of(scope.Seen, scope.Span, scope["gateway"], scope["funnel"], scope["status"], scope["search"]),
                    cancellationToken
                ),
                ("received_at", sale => sale.ReceivedAt),
                ("occurred_at", sale => sale.OccurredAt),
                ("conversion_id", sale => sale.ConversionId),
                ("gateway", sale => sale.Gateway),
                ("order_id", sale => sale.OrderId),
                ("event_id", sale => sale.EventId),
                ("kind", sale => sale.Kind),
                ("state", sale => sale.State),
                ("amount", sale => sale.Amount),
                ("currency", sale => sale.Currency),
                ("product_id", sale => sale.ProductId),
                ("funnel_id", sale => sale.FunnelId),
                ("matched", sale => sale.Matched),
                ("match_rule", sale => sale.MatchRule),
                ("match_score", sale => sale.MatchScore),
                ("click_id", sale => sale.ClickId),
                ("dispatch_status", sale => sale.DispatchStatus),
                ("dispatch_reason", sale => sale.DispatchReason),
                ("sent_at", sale => sale.SentAt),
                ("utm_source", sale => sale.UtmSource),
                ("utm_campaign", sale => sale.UtmCampaign)
            )
        );
}

/// <summary>What happened to one sale, step by step.</summary>
internal sealed class TimelineExport(IReadTimeline timelines) : IExport
{
    public string Name => "timeline";

    public async Task<ExportTable> ReadAsync(ExportScope scope, CancellationToken cancellationToken) =>
        ExportTable.Of(
            (await timelines.ReadAsync(scope.Tenant, scope["id"] ?? "", cancellationToken))?.Steps ?? [],
            ("sequence", step => step.Sequence),
            ("at", step => step.At),
            ("type", step => step.Type),
            ("text", step => step.Text),
            ("details", step => string.Join("; ", step.Details)),
            ("http_status", step => step.Dispatch?.HttpStatus),
            ("fbtrace_id", step => step.Dispatch?.FbTraceId)
        );
}

internal sealed class DeadLettersExport(IDeadLetters letters) : IExport
{
    private const int Most = 100_000;

    public string Name => "dead-letters";

    public async Task<ExportTable> ReadAsync(ExportScope scope, CancellationToken cancellationToken) =>
        ExportTable.Of(
            await letters.ListAsync(new DeadLetterFilter(scope.Tenant, scope["reason"], Limit: Most), cancellationToken),
            ("dead_at", letter => letter.DeadAt),
            ("conversion_id", letter => letter.ConversionId),
            ("dispatch_id", letter => letter.DispatchId),
            ("pixel_id", letter => letter.PixelId),
            ("attempts", letter => letter.Attempts),
            ("reason", letter => letter.Reason),
            ("error", letter => letter.Error),
            ("requested_at", letter => letter.RequestedAt),
            ("expires_at", letter => letter.ExpiresAt),
            ("if_sent_again", letter => letter.Expectation),
            ("remedy", letter => letter.Remedy)
        );
}
