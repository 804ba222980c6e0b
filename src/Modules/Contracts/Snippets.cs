namespace TrackAi.Contracts;

/// <summary>What a seller pastes, and where. <c>url</c> is the host as browsers and gateways reach it, without a slash at its end.</summary>
public static class Snippets
{
    public static string Webhook(string url, string gateway, string tenant) => $"{url}/api/v1/webhooks/{gateway}/{tenant}";

    public static string Pixel(string url, string tenant) => $"""<script async src="{url}/track.js" data-tenant="{tenant}"></script>""";
}
