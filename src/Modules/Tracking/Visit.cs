using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using TrackAi.Contracts;

namespace TrackAi.Tracking;

/// <summary>
/// What the three track endpoints share: hold back floods, crawlers and strangers' pages, find the tenant, check the body, answer 201 once the visit
/// is durable. Nothing else is waited for.
/// </summary>
internal sealed class Visit(ITenantDirectory tenants, RateLimits limits, TrackingOptions options, TimeProvider time)
{
    private const int LongestUserAgent = 1024;

    public delegate Task<string> Capture(string tenantId, VisitBody body, Person visitor, DateTimeOffset now);

    public async Task<Results<Created<VisitCaptured>, ProblemHttpResult>> HandleAsync(HttpContext http, Capture capture)
    {
        var (address, agent) = (Address(http), http.Request.Headers.UserAgent.ToString());
        if (!limits.TakeFor(address))
            return TooMany(http, "this address", "address_limit");
        if (Crawlers.IsOne(agent))
            return Problem(403, "Crawler", "User-Agent: names a crawler; its visits are not recorded.", "crawler", "User-Agent");
        // A page may only read an answer that was allowed to it, so the tenant is looked at as early as it is known.
        var (tenant, refused) = TenantOf(http.Request) is { } named ? Admit(http, named) : default;
        if (refused is not null)
            return refused;
        if (await ReadBodyAsync(http.Request, http.RequestAborted) is not { } bytes)
            return Problem(
                413,
                "Body too large",
                $"body: the limit is {options.BodyBytes} bytes (Tracking:BodyBytes).",
                "too_large",
                "body"
            );
        try
        {
            var body = VisitBody.Parse(bytes);
            if (tenant is null)
                (tenant, refused) = Admit(http, body.TenantId);
            if (tenant is null)
                return refused!;
            var now = time.GetUtcNow();
            var visitor = body.Visitor(address?.ToString(), agent is { Length: > 0 and <= LongestUserAgent } ? agent : null, now);
            var id = await capture(tenant.Slug, body, visitor, now - body.Age);
            Count("accepted");
            return TypedResults.Created((string?)null, new VisitCaptured(id));
        }
        catch (InvalidVisitException invalid)
        {
            return Problem(400, "Invalid visit", invalid.Message, "invalid", invalid.Field);
        }
    }

    private (Tenant?, ProblemHttpResult?) Admit(HttpContext http, string? slug)
    {
        if (string.IsNullOrEmpty(slug))
            return Refused(
                400,
                "No tenant",
                "x-tenant-id: send the tenant in this header, as tenant_id in the body or as t in the query.",
                "no_tenant"
            );
        if (tenants.Find(slug) is not { } tenant)
            return Refused(404, "Unknown tenant", "x-tenant-id: there is no such tenant.", "unknown_tenant");
        if (!Origins.Admit(http, tenant))
            return (
                null,
                Problem(
                    403,
                    "Origin not allowed",
                    $"Origin: pages of this origin may not send for the tenant; allow them with 'tenants origins {tenant.Slug} --allow …'.",
                    "origin",
                    "Origin"
                )
            );
        if (tenant.Status != TenantStatus.Active)
            return Refused(403, "Tenant suspended", "x-tenant-id: this tenant is suspended; nothing is taken in for it.", "suspended");
        return limits.TakeFor(tenant.Slug) ? (tenant, null) : (null, TooMany(http, "this tenant", "tenant_limit"));
    }

    public static Identifiers Has(Person visitor) =>
        new(
            visitor.Fbclid is not null,
            visitor.Fbc is not null,
            visitor.Fbp is not null,
            visitor.Email is not null,
            visitor.Phone is not null,
            visitor.ExternalId is not null
        );

    // sendBeacon sets no header, so the tenant may also come in the body or the query.
    private static string? TenantOf(HttpRequest request) =>
        request.Headers["x-tenant-id"].FirstOrDefault() ?? request.Query["t"].FirstOrDefault();

    private static IPAddress? Address(HttpContext http) =>
        http.Connection.RemoteIpAddress is { IsIPv4MappedToIPv6: true } mapped ? mapped.MapToIPv4() : http.Connection.RemoteIpAddress;

    private async Task<ReadOnlyMemory<byte>?> ReadBodyAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (request.ContentLength > options.BodyBytes)
            return null;
        var buffer = new byte[options.BodyBytes + 1];
        var length = await request.Body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        // Not one expression: null is also an empty Memory, by way of the array.
        if (length > options.BodyBytes)
            return null;
        return buffer.AsMemory(0, length);
    }

    private static ProblemHttpResult TooMany(HttpContext http, string whose, string outcome)
    {
        // The buckets are filled anew every second.
        http.Response.Headers.RetryAfter = "1";
        return Problem(429, "Too many visits", $"Too many visits of {whose} in a second. Send it again a little later.", outcome);
    }

    private static (Tenant?, ProblemHttpResult?) Refused(int status, string title, string detail, string outcome) =>
        (null, Problem(status, title, detail, outcome, "x-tenant-id"));

    private static ProblemHttpResult Problem(int status, string title, string detail, string outcome, string? field = null)
    {
        Count(outcome);
        return TypedResults.Problem(
            detail,
            statusCode: status,
            title: title,
            extensions: field is null ? null : new Dictionary<string, object?>(StringComparer.Ordinal) { ["field"] = field }
        );
    }

    private static void Count(string outcome) => TrackingMetrics.Visits.Add(1, new KeyValuePair<string, object?>("outcome", outcome));
}

/// <param name="Id">The click token, or the id of the pageview or checkout.</param>
internal sealed record VisitCaptured(string Id);
