namespace TrackAi.Dashboard.Pages.Settings;

/// <summary>The gateways a tenant may be connected to, and how each is told about us.</summary>
internal static class Gateways
{
    public static readonly IReadOnlyList<string> Names = ["hotmart", "kiwify", "perfectpay", "stripe"];

    /// <summary>What the secret is called where it is copied from.</summary>
    public static string SecretOf(string gateway) =>
        gateway switch
        {
            "hotmart" => "Hottok",
            "stripe" => "Signing secret (whsec_…)",
            _ => "Token",
        };
}
