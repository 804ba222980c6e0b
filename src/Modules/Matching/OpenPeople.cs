using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using TrackAi.Contracts;

namespace TrackAi.Matching;

/// <summary>Opens what is personal. What is damaged costs its own sale the buyer, and nobody else anything.</summary>
internal sealed partial class OpenPeople(IPersonalData people, ILogger<OpenPeople> logger)
{
    public async Task<IReadOnlyList<Opened>> OpenAsync(IReadOnlyList<ProtectedPart> parts, CancellationToken cancellationToken)
    {
        if (parts.Count == 0)
            return [];
        try
        {
            return [.. (await people.OpenAsync(parts, cancellationToken)).Select(person => new Opened(person, IsDamaged: false))];
        }
        catch (CryptographicException)
        {
            // Under a wrong master key nothing opens, and this says so.
            people.LookupHash(parts[0].TenantId, "key", "check");
            var opened = new List<Opened>(parts.Count);
            foreach (var part in parts)
                opened.Add(await OpenAsync(part, cancellationToken));
            return opened;
        }
    }

    private async Task<Opened> OpenAsync(ProtectedPart part, CancellationToken cancellationToken)
    {
        try
        {
            return new Opened((await people.OpenAsync([part], cancellationToken))[0], IsDamaged: false);
        }
        catch (CryptographicException damage)
        {
            LogDamaged(logger, part.TenantId, part.StreamId, damage);
            return new Opened(null, IsDamaged: true);
        }
    }

    [LoggerMessage(
        5001,
        LogLevel.Error,
        "What is stored of the person in {Tenant}/{Stream} does not open; matching goes on without it. Restore the stream's row of stream_key, or the event, from a backup."
    )]
    private static partial void LogDamaged(ILogger logger, string tenant, string stream, Exception exception);
}
