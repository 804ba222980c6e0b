namespace TrackAi.Gateways;

/// <summary>Section <c>Limits</c>: how much of a request is read.</summary>
public sealed class LimitsOptions
{
    /// <summary>Largest webhook body in bytes; a larger one is answered 413.</summary>
    public int WebhookBodyBytes { get; set; } = 1024 * 1024;
}
