using System.Security.Cryptography;
using System.Text;

namespace TrackAi.Dispatch;

/// <summary>
/// That the sender knows the app's secret: HMAC-SHA256 of the access token under it, in hex
/// (https://developers.facebook.com/docs/graph-api/guides/secure-requests).
/// </summary>
internal static class AppSecretProof
{
    /// <summary>Null without a secret.</summary>
    public static string? Of(string? appSecret, string accessToken) =>
        appSecret is null
            ? null
            : Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(appSecret), Encoding.UTF8.GetBytes(accessToken)));
}
