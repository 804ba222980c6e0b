using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using TrackAi.Contracts;

namespace TrackAi.Tracking;

/// <summary>What the three track endpoints share: find the tenant, read and check the body, answer 201 once the visit is durable.</summary>
internal sealed class Visit(ITenantDirectory tenants, TrackingOptions options, TimeProvider time)
{
    private const int LongestUserAgent = 1024;

    public delegate Task<string> Capture(string tenantId, VisitBody body, Person visitor, DateTimeOffset now);

    public async Task<Results<Created<VisitCaptured>, ProblemHttpResult>> HandleAsync(HttpContext http, Capture capture)
    {
        if (await ReadBodyAsync(http.Request, http.RequestAborted) is not { } bytes)
            return Problem(413, "Body too large", $"body: the limit is {options.BodyBytes} bytes.");
        try
        {
            var body = VisitBody.Parse(bytes);
            if (TenantOf(http.Request, body) is not { Length: > 0 } slug)
                return Problem(
                    400,
                    "No tenant",
                    "x-tenant-id: send the tenant in this header, as tenant_id in the body or as t in the query.",
                    "x-tenant-id"
                );
            if (tenants.Find(slug) is not { } tenant)
                return Problem(404, "Unknown tenant", "x-tenant-id: there is no such tenant.", "x-tenant-id");
            if (tenant.Status != TenantStatus.Active)
                return Problem(
                    403,
                    "Tenant suspended",
                    "x-tenant-id: this tenant is suspended; nothing is taken in for it.",
                    "x-tenant-id"
                );

            var now = time.GetUtcNow();
            var visitor = body.Visitor(http.Connection.RemoteIpAddress?.ToString(), UserAgent(http.Request), now);
            return TypedResults.Created((string?)null, new VisitCaptured(await capture(tenant.Slug, body, visitor, now)));
        }
        catch (InvalidVisitException invalid)
        {
            return Problem(400, "Invalid visit", invalid.Message, invalid.Field);
        }
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
    private static string? TenantOf(HttpRequest request, VisitBody body) =>
        request.Headers["x-tenant-id"].FirstOrDefault() ?? body.TenantId ?? request.Query["t"].FirstOrDefault();

    private static string? UserAgent(HttpRequest request) =>
        request.Headers.UserAgent.ToString() is { Length: > 0 and <= LongestUserAgent } agent ? agent : null;

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

    private static ProblemHttpResult Problem(int status, string title, string detail, string? field = null) =>
        TypedResults.Problem(
            detail,
            statusCode: status,
            title: title,
            extensions: field is null ? null : new Dictionary<string, object?>(StringComparer.Ordinal) { ["field"] = field }
        );
}

/// <param name="Id">The click token, or the id of the pageview or checkout.</param>
internal sealed record VisitCaptured(string Id);
