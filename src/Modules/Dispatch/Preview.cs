using System.Buffers;
using System.Text.Json;
using Microsoft.Extensions.Options;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Dispatch;

/// <summary>What Meta would be sent of a conversion now, decided and built as for sending, and not sent.</summary>
internal sealed class Preview(
    PostgresEventStore store,
    PrepareDispatches prepare,
    ITenantDirectory tenants,
    MetaClient meta,
    IOptions<MetaOptions> options,
    TimeProvider time
) : IDispatchPreview
{
    /// <summary>Stands where the access token is: it belongs on no screen.</summary>
    private const string Hidden = "(hidden)";

    public async Task<IReadOnlyList<DispatchPreview>> PreviewAsync(string tenant, string conversionId, CancellationToken cancellationToken)
    {
        var stream = new StreamId(tenant, Streams.Conversion(conversionId));
        var events = await store.ReadStreamAsync(stream, cancellationToken);
        // Whoever sends reads the whole stream: as long as one cannot be read, it is given up.
        string[] unreadable = [.. events.Select(recorded => recorded.WhyUnreadable?.TrimEnd('.')).OfType<string>()];
        var conversion = ConversionToDispatch.From(events.Where(recorded => recorded.WhyUnreadable is null));
        if (conversion.Received is not { } received)
            return unreadable.Length == 0
                ? []
                : throw new InvalidOperationException($"{conversionId} cannot be shown.{Besides(unreadable)}");

        var opened = await prepare.OpenAsync(new Dictionary<StreamId, ConversionToDispatch> { [stream] = conversion }, cancellationToken);
        var now = time.GetUtcNow();
        var decision =
            conversion.Requested.Count > 0
                ? [.. conversion.Requested.Values]
                : DispatchDecision.Decide(
                    conversion with
                    {
                        SkipReason = null,
                    },
                    tenants.RoutePixels(tenant, received.Gateway, received.ProductId),
                    tenants.SendsRenewals(tenant, received.Gateway, received.ProductId),
                    // What Meta would refuse is shown beside the JSON.
                    refusal: null,
                    now
                );
        if (decision is [DispatchSkipped skipped])
            throw new InvalidOperationException($"{conversionId} is not sent: {skipped.Reason}.{Besides(unreadable)}");
        if (decision.Count == 0)
            throw new InvalidOperationException(
                (
                    conversion.WasApproved
                        ? $"{conversionId} is not matched yet."
                        : $"{conversionId} is not paid: there is no Purchase to send."
                ) + Besides(unreadable)
            );
        return
        [
            .. decision
                .OfType<DispatchRequested>()
                .Select(request => Of(tenant, stream, opened, conversion, request, now))
                .Select(preview => preview with { Problems = [.. preview.Problems, .. unreadable] }),
        ];
    }

    private static string Besides(IEnumerable<string> unreadable) => string.Concat(unreadable.Select(why => $" {why}."));

    private DispatchPreview Of(
        string tenant,
        StreamId stream,
        OpenedConversions opened,
        ConversionToDispatch conversion,
        DispatchRequested request,
        DateTimeOffset now
    )
    {
        var built = opened.Build(stream, request with { ClickId = conversion.ClickId }, now);
        var pixel = tenants.FindPixel(tenant, request.PixelId);
        var body = new ArrayBufferWriter<byte>();
        CapiPayload.WriteRequest(
            body,
            new Pixel(request.PixelId, Hidden, pixel?.TestEventCode),
            [built],
            options.Value.AppSecretOf(request.PixelId) is null ? null : Hidden
        );
        return new DispatchPreview(
            request.PixelId,
            meta.UrlOf(request.PixelId),
            [.. EventValidation.Check(built, now), .. pixel is null ? (string[])["no_token"] : []],
            built.Dropped,
            JsonElement.Parse(body.WrittenSpan)
        )
        {
            Quality = QualityEstimate.Of(built.UserData),
        };
    }
}
