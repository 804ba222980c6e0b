using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using TrackAi.Contracts;

namespace TrackAi.Dispatch.Lanes;

/// <summary>
/// Asks Meta about a token now: what it says of the token, and, where a test event code keeps it from counting, whether the token may write to the
/// pixel.
/// </summary>
internal sealed class CheckToken(ITenantDirectory directory, TokenProbe probe, TokenStandings standings, MetaClient meta, TimeProvider time)
{
    public const string EventName = "TrackAiTokenCheck";

    public async Task<TokenCheck> AskAsync(string tenant, string pixelId, CancellationToken cancellationToken)
    {
        if (directory.FindPixel(tenant, pixelId) is not { } pixel)
            return new TokenCheck("no_token", null, null, null);
        var standing = await probe.AskAsync(pixel, cancellationToken);
        await standings.RecordAsync(tenant, pixel, standing, cancellationToken);
        var (test, said) = string.IsNullOrEmpty(pixel.TestEventCode) ? (null, null) : await SendAsync(pixel, cancellationToken);
        return new TokenCheck(WordOf(standing), standing.ExpiresAt, test, said);
    }

    private string WordOf(TokenStanding standing) => standing.IsKnown ? standing.AlertAt(time.GetUtcNow()) ?? "valid" : "unknown";

    private async Task<(string Outcome, string? Said)> SendAsync(Pixel pixel, CancellationToken cancellationToken) =>
        await meta.SendAsync(pixel, [TestEvent(time.GetUtcNow())], cancellationToken) switch
        {
            MetaAnswer.Accepted => ("accepted", null),
            MetaAnswer.Refused refused => (refused.Class.Name(), refused.Message),
            MetaAnswer.NoAnswer none => (ErrorClass.NoAnswer.Name(), none.Error),
            var other => throw new InvalidOperationException($"No answer of Meta's is a {other.GetType().Name}."),
        };

    // Nobody's: one made-up id, in the form that Meta wants of people.
    private static CapiEvent TestEvent(DateTimeOffset now) =>
        CapiPayload.Build(
            new CapiSale(
                EventName,
                Guid.CreateVersion7(now),
                string.Create(CultureInfo.InvariantCulture, $"token-check-{now.ToUnixTimeSeconds()}"),
                new Money(0, "BRL"),
                ProductId: null,
                now
            ),
            [new ProtectedPerson { ExternalId = [Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(EventName)))] }],
            click: null,
            now
        );
}
