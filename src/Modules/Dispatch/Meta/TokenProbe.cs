using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Options;
using TrackAi.Contracts;

namespace TrackAi.Dispatch;

/// <summary>What Meta says of a token.</summary>
/// <param name="IsKnown">False where Meta did not say: no answer, or the token may not be asked about.</param>
/// <param name="ExpiresAt">Null where it does not expire.</param>
internal sealed record TokenStanding(bool IsKnown, bool IsValid, DateTimeOffset? ExpiresAt)
{
    public const string Invalid = "invalid";
    public const string ExpiresSoon = "expires_soon";

    /// <summary>A token that runs out within a day has somebody see to it now.</summary>
    public static readonly TimeSpan Soon = TimeSpan.FromHours(24);

    public static readonly TokenStanding Unknown = new(false, false, null);

    public string? AlertAt(DateTimeOffset now) =>
        !IsKnown ? null
        : !IsValid ? Invalid
        : ExpiresAt - now < Soon ? ExpiresSoon
        : null;
}

/// <summary>
/// Asks Meta about a token (https://developers.facebook.com/docs/graph-api/reference/debug_token): by the app's authority where the app is
/// configured, else by the token's own.
/// </summary>
internal sealed class TokenProbe(IHttpClientFactory clients, IOptions<MetaOptions> options, TimeProvider time)
{
    public async Task<TokenStanding> AskAsync(Pixel pixel, CancellationToken cancellationToken)
    {
        var meta = options.Value;
        var authority =
            meta.AppId is { Length: > 0 } && meta.AppSecret is { Length: > 0 } ? $"{meta.AppId}|{meta.AppSecret}" : pixel.AccessToken;
        var url =
            $"{meta.BaseUrl.TrimEnd('/')}/{meta.ApiVersion}/debug_token"
            + $"?input_token={Uri.EscapeDataString(pixel.AccessToken)}&access_token={Uri.EscapeDataString(authority)}";
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(meta.TimeoutSeconds), time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            using var response = await clients.CreateClient(MetaClient.HttpClientName).SendAsync(request, either.Token);
            using var body = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(either.Token));
            return Read(body.RootElement, authority == pixel.AccessToken);
        }
        catch (Exception exception)
            when (exception is HttpRequestException or IOException or JsonException or InvalidOperationException
                || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested)
            )
        {
            return TokenStanding.Unknown;
        }
    }

    private static TokenStanding Read(JsonElement answer, bool asksForItself)
    {
        if (answer.ValueKind != JsonValueKind.Object)
            return TokenStanding.Unknown;
        if (answer.TryGetProperty("data", out var data) && data.TryGetProperty("is_valid", out var valid))
            return new TokenStanding(
                true,
                valid.ValueKind is JsonValueKind.True,
                Earlier(Moment(data, "expires_at"), Moment(data, "data_access_expires_at"))
            );
        // Asked by its own authority, a dead token is refused instead of described.
        return
            asksForItself
            && answer.TryGetProperty("error", out var error)
            && error.TryGetProperty("code", out var code)
            && code.ToString() == 190.ToString(CultureInfo.InvariantCulture)
            ? new TokenStanding(true, false, null)
            : TokenStanding.Unknown;
    }

    // 0 means never.
    private static DateTimeOffset? Moment(JsonElement data, string name) =>
        data.TryGetProperty(name, out var value) && value.TryGetInt64(out var seconds) && seconds is > 0 and < 253_402_300_799
            ? DateTimeOffset.FromUnixTimeSeconds(seconds)
            : null;

    private static DateTimeOffset? Earlier(DateTimeOffset? one, DateTimeOffset? other) => one is null || other < one ? other ?? one : one;
}
