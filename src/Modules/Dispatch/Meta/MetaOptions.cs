namespace TrackAi.Dispatch;

/// <summary>Where Meta is and how long to wait for it. Section <c>Meta</c>.</summary>
public sealed class MetaOptions
{
    public string BaseUrl { get; set; } = "https://graph.facebook.com";

    public string ApiVersion { get; set; } = "v26.0";

    public double TimeoutSeconds { get; set; } = 10;
}
