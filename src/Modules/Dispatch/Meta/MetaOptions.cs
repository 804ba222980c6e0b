namespace TrackAi.Dispatch;

/// <summary>Where Meta is and how long to wait for it. Section <c>Meta</c>.</summary>
public sealed class MetaOptions
{
    public string BaseUrl { get; set; } = "https://graph.facebook.com";

    public string ApiVersion { get; set; } = "v26.0";

    public double TimeoutSeconds { get; set; } = 10;

    /// <summary>The app the tokens were made by, to ask Meta about them with more authority than their own.</summary>
    public string? AppId { get; set; }

    /// <summary>Its secret. Where it is set, each request proves that it is known, which Meta can be told to require.</summary>
    public string? AppSecret { get; set; }

    /// <summary>The secrets of pixels whose tokens are another app's, by pixel.</summary>
    public Dictionary<string, string> AppSecrets { get; set; } = new(StringComparer.Ordinal);

    /// <summary>Null where the pixel's tokens need no proof.</summary>
    public string? AppSecretOf(string pixelId) =>
        AppSecrets.GetValueOrDefault(pixelId) ?? (AppSecret is { Length: > 0 } ? AppSecret : null);
}
