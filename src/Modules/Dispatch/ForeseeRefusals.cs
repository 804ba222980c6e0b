using System.Security.Cryptography;
using System.Text.Json;
using TrackAi.EventStore;

namespace TrackAi.Dispatch;

/// <summary>
/// Looks, before a sale is queued, whether what is known of the person is enough for Meta. Most sales show it in the log; of the others what is
/// protected is opened.
/// </summary>
internal sealed class ForeseeRefusals(PrepareDispatches prepare)
{
    /// <returns>Why Meta would refuse it; null when it would not, or when it is not to be sent yet anyway.</returns>
    public async Task<string?> RefusalOfAsync(
        StreamId stream,
        ConversionToDispatch conversion,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        if (conversion is { NamesTheBuyer: true } or not { WasApproved: true, IsDecided: true, MayBeDecided: true, IsErased: false })
            return null;
        try
        {
            var opened = await prepare.OpenAsync(
                new Dictionary<StreamId, ConversionToDispatch> { [stream] = conversion },
                cancellationToken
            );
            return EventValidation.CheckPerson(opened.PersonOf(stream, now));
        }
        catch (Exception exception) when (exception is CryptographicException or JsonException or InvalidOperationException)
        {
            // What cannot be read is found out, and told, when it is to be sent; it keeps nobody else waiting here.
            return null;
        }
    }
}
