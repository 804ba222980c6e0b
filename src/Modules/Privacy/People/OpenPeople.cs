using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using TrackAi.Contracts;

namespace TrackAi.Privacy.People;

/// <summary>Opens parts for those who must get past a damaged one: it is told in the log, and the others are opened.</summary>
internal sealed partial class OpenPeople(IPersonalData people, ILogger<OpenPeople> logger)
{
    public async Task<IReadOnlyList<ProtectedPerson?>> OpenAsync(IReadOnlyList<ProtectedPart> parts, CancellationToken cancellationToken)
    {
        try
        {
            return await people.OpenAsync(parts, cancellationToken);
        }
        catch (CryptographicException) when (parts.Count > 1)
        {
            var half = parts.Count / 2;
            var first = await OpenAsync([.. parts.Take(half)], cancellationToken);
            return [.. first, .. await OpenAsync([.. parts.Skip(half)], cancellationToken)];
        }
        catch (CryptographicException damaged)
        {
            LogDamaged(logger, parts[0].TenantId, parts[0].StreamId, damaged);
            return [null];
        }
    }

    [LoggerMessage(
        9001,
        LogLevel.Error,
        "A protected part of stream {Stream} of tenant {Tenant} does not open: whom it is about is not known here."
    )]
    private static partial void LogDamaged(ILogger logger, string tenant, string stream, Exception exception);
}
