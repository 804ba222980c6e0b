using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.FeatureManagement;
using TrackAi.Contracts;

namespace TrackAi.Gateways;

/// <summary>
/// POST /api/v1/webhooks/{gateway}/{tenantId}. Answers 202 only once what the delivery says is durable, because the gateway stops retrying on a 2xx.
/// </summary>
internal static class ReceiveWebhook
{
    private const string Segment = "segment";

    public static void MapReceiveWebhook(this IEndpointRouteBuilder endpoints)
    {
        Map(endpoints, "/api/v1/webhooks/{gateway}/{tenantId}", "ReceiveWebhook");
        Map(endpoints, $"/api/v1/webhooks/{{gateway}}/{{tenantId}}/{{{Segment}}}", "ReceiveWebhookAtSecretUrl");
    }

    private static void Map(IEndpointRouteBuilder endpoints, string path, string name) =>
        endpoints
            .MapPost(path, HandleAsync)
            .WithName(name)
            .WithTags("Webhooks")
            .WithSummary("A payment gateway's webhook, in the gateway's own shape or in the simple contract.")
            .Produces<WebhookAccepted>(StatusCodes.Status202Accepted)
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status401Unauthorized)
            .ProducesProblem(StatusCodes.Status403Forbidden)
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType)
            .ProducesProblem(StatusCodes.Status429TooManyRequests)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);

    private static async Task<Results<Accepted<WebhookAccepted>, ProblemHttpResult>> HandleAsync(
        string gateway,
        string tenantId,
        HttpContext http,
        GatewayRegistry gateways,
        ITenantDirectory tenants,
        IFeatureDefinitionProvider flags,
        IFeatureManager features,
        LimitsOptions limits,
        RateLimits rates,
        RecordDelivery record,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        if (gateways.Find(gateway) is not { } sender)
            return Problem(
                404,
                "Unknown gateway",
                $"gateway: '{Shown(gateway)}' is none of {string.Join(", ", gateways.Names)}.",
                "unknown",
                "unknown_gateway"
            );
        if (tenants.Find(tenantId) is not { } tenant)
            return Problem(
                404,
                "Unknown tenant",
                $"tenantId: there is no tenant '{Shown(tenantId)}'. Check the webhook URL.",
                gateway,
                "unknown_tenant"
            );
        if (tenant.Status != TenantStatus.Active)
            return Problem(
                403,
                "Tenant suspended",
                "tenantId: this tenant is suspended; nothing is taken in for it.",
                gateway,
                "suspended"
            );
        if (!await IsOnAsync(sender.Name, flags, features))
            return Problem(
                403,
                "Gateway switched off",
                $"The feature flag gateway_{sender.Name} is off: 'flags list' says who switched it, 'flags set gateway_{sender.Name} on' switches it on.",
                gateway,
                "flag_off"
            );
        if (tenants.FindConnection(tenantId, sender.Name) is not { } connection)
            return Problem(
                401,
                "No secret is set",
                $"This tenant has no secret for {sender.Name}: run 'gateways set {tenant.Slug} {sender.Name} --secret …'.",
                gateway,
                "no_secret"
            );
        if (connection.Secrets.Count == 0)
            return Problem(
                503,
                "The secret cannot be used",
                $"The secret kept for {sender.Name} does not open under this installation's master key: run 'gateways set {tenant.Slug} {sender.Name} --secret …', then send it again.",
                gateway,
                "unopened_secret"
            );
        if (!IsAllowed(http.Connection.RemoteIpAddress, connection.AllowedNetworks))
            return Problem(
                403,
                "Address not allowed",
                "The address this delivery comes from is not on the connection's allow list.",
                gateway,
                "address"
            );
        if (!IsSegment(http.GetRouteValue(Segment) as string, connection.UrlSegmentDigest))
            return Problem(
                401,
                "Proof of origin missing or wrong",
                "The webhook URL does not end with the secret segment of this connection: paste the URL that 'gateways set --url-segment new' printed.",
                gateway,
                "segment"
            );
        if (await ReadBodyAsync(http.Request, limits.WebhookBodyBytes, cancellationToken) is not { } body)
            return Problem(
                413,
                "Body too large",
                $"body: the limit is {limits.WebhookBodyBytes} bytes (Limits:WebhookBodyBytes).",
                gateway,
                "too_large"
            );

        var delivery = new WebhookDelivery(body, Headers(http.Request), Query(http.Request), time.GetUtcNow())
        {
            Amount = connection.Amount,
        };
        if (!connection.Secrets.Any(secret => sender.Verify(delivery, secret)))
            return Problem(
                401,
                "Proof of origin missing or wrong",
                $"The delivery does not prove that it comes from {sender.Name}: check the secret on both sides.",
                gateway,
                "proof"
            );
        if (!IsTaken(http.Request.ContentType, sender))
            return Problem(415, "Not JSON", "Content-Type: must be application/json.", gateway, "content_type");
        // After the proof: a stranger must not use up what the gateway may send.
        if (!rates.TakeFor(tenant.Slug))
        {
            http.Response.Headers.RetryAfter = "1";
            return Problem(
                429,
                "Too many deliveries",
                "Too many deliveries for this tenant in a second (RateLimits:Webhooks:PerTenantPerSecond). Send it again a little later.",
                gateway,
                "rate_limit"
            );
        }

        try
        {
            var recorded = await record.HandleAsync(tenant.Slug, sender.Name, sender.Translate(delivery), delivery, cancellationToken);
            Count(gateway, recorded.Outcome);
            return TypedResults.Accepted((string?)null, recorded);
        }
        catch (InvalidDeliveryException invalid)
        {
            return Problem(400, "Invalid delivery", invalid.Message, gateway, "invalid", invalid.Field);
        }
    }

    // A flag that nobody defined is on: a new gateway needs no configuration.
    private static async Task<bool> IsOnAsync(string gateway, IFeatureDefinitionProvider flags, IFeatureManager features) =>
        await flags.GetFeatureDefinitionAsync($"gateway_{gateway}") is null || await features.IsEnabledAsync($"gateway_{gateway}");

    private static bool IsAllowed(IPAddress? address, IReadOnlyList<string> networks)
    {
        if (networks.Count == 0)
            return true;
        if (address is null)
            return false;
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return networks.Any(network => IPNetwork.TryParse(network, out var allowed) && allowed.Contains(plain));
    }

    // One that nobody asks for is left alone, so that it can be switched on and off while the gateway has the longer URL.
    private static bool IsSegment(string? segment, string? digest) =>
        digest is null || Secret.Equals(digest, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(segment ?? ""))));

    private static bool IsTaken(string? contentType, IGateway sender) =>
        contentType?.Split(';')[0].Trim().ToLowerInvariant() is { } media
        && (media == "application/json" || media.EndsWith("+json", StringComparison.Ordinal) || sender.Takes(media));

    private static async Task<ReadOnlyMemory<byte>?> ReadBodyAsync(HttpRequest request, int limit, CancellationToken cancellationToken)
    {
        if (request.ContentLength > limit)
            return null;
        using var body = new MemoryStream((int)(request.ContentLength ?? 4096));
        var buffer = new byte[16 * 1024];
        while (await request.Body.ReadAsync(buffer, cancellationToken) is var read and > 0)
        {
            if (body.Length + read > limit)
                return null;
            body.Write(buffer, 0, read);
        }

        return body.GetBuffer().AsMemory(0, (int)body.Length);
    }

    private static Dictionary<string, string> Headers(HttpRequest request) =>
        request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase);

    private static Dictionary<string, string> Query(HttpRequest request) =>
        request.Query.ToDictionary(parameter => parameter.Key, parameter => parameter.Value.ToString(), StringComparer.OrdinalIgnoreCase);

    private static string Shown(string text) => text.Length <= 64 ? text : string.Concat(text.AsSpan(0, 64), "…");

    private static ProblemHttpResult Problem(int status, string title, string detail, string gateway, string outcome, string? field = null)
    {
        Count(status == 404 ? "unknown" : gateway, outcome);
        return TypedResults.Problem(
            detail,
            statusCode: status,
            title: title,
            extensions: field is null ? null : new Dictionary<string, object?>(StringComparer.Ordinal) { ["field"] = field }
        );
    }

    private static void Count(string gateway, string outcome) =>
        GatewayMetrics.Deliveries.Add(1, new("gateway", gateway), new("outcome", outcome));
}

/// <summary>The answer to a delivery that is on disk.</summary>
/// <param name="Ok">Always true.</param>
/// <param name="EventId">Meta's <c>event_id</c> of the sale's Purchase; null where the delivery is about no sale.</param>
/// <param name="Duplicate">Whether the delivery added nothing new.</param>
internal sealed record WebhookAccepted(
    [property: JsonPropertyName("ok")] bool Ok,
    [property: JsonPropertyName("event_id")] Guid? EventId,
    [property: JsonPropertyName("duplicate")] bool Duplicate
)
{
    /// <summary>What whoever reads the gateway's log of deliveries should know; left out where there is nothing to say.</summary>
    [JsonPropertyName("note"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Note { get; init; }

    /// <summary>What it is counted as.</summary>
    [JsonIgnore]
    public string Outcome { get; init; } = Duplicate ? "duplicate" : "accepted";
}
