using TrackAi.Contracts;

namespace TrackAi.Dispatch;

/// <summary>
/// Whether a conversion goes to Meta: one Purchase per economic sale and pixel, once it is paid and its click has been looked for, whatever the
/// order and number of deliveries. Pure.
/// </summary>
internal static class DispatchDecision
{
    public const string Purchase = "Purchase";

    /// <returns><see cref="DispatchRequested"/> for each pixel, one <see cref="DispatchSkipped"/>, or nothing while it is not time.</returns>
    public static IReadOnlyList<object> Decide(ConversionToDispatch conversion, IReadOnlyList<string> pixels, DateTimeOffset now)
    {
        if (conversion is not { Received: { } received, WasApproved: true, IsDecided: true, Requested.Count: 0, IsSkipped: false })
            return [];
        if (received.Kind == ConversionKind.Test)
            return [Skipped("test")];
        if (conversion.Consent == false)
            return [Skipped("no_consent")];
        if (received.Kind == ConversionKind.Renewal)
            return [Skipped("renewal")];
        if (now - conversion.PaidAt > CapiPayload.LongestAge)
            return [Skipped(EventValidation.TooOld)];
        if (pixels.Count == 0)
            return [Skipped("no_pixel")];

        return
        [
            .. pixels.Select(pixel => new DispatchRequested(
                received.ConversionId,
                received.Gateway,
                $"{received.EventId}/{pixel}",
                received.EventId,
                Purchase,
                pixel,
                conversion.ClickId,
                now
            )),
        ];

        DispatchSkipped Skipped(string reason) => new(received.ConversionId, received.Gateway, Purchase, reason, now);
    }
}
