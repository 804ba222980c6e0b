namespace TrackAi.Gateways;

/// <summary>Section <c>Limits</c>: how much of a request is read.</summary>
public sealed class LimitsOptions
{
    /// <summary>Largest webhook body in bytes; a larger one is answered 413.</summary>
    public int WebhookBodyBytes { get; set; } = 1024 * 1024;
}

/// <summary>Section <c>Gateways</c>.</summary>
public sealed class GatewaysOptions
{
    /// <summary>
    /// How long a payment that may belong to another sale waits for that sale's own delivery (Stripe's PaymentIntents and charges, for the Checkout
    /// session or the invoice); 0 never waits.
    /// </summary>
    public TimeSpan SettlingWindow { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>How long the body of a delivery that was not understood is kept.</summary>
    public TimeSpan KeepNotUnderstood { get; set; } = TimeSpan.FromDays(30);
}
