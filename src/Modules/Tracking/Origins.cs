using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using TrackAi.Contracts;

namespace TrackAi.Tracking;

/// <summary>
/// CORS by the tenant's own origins: which pages may send for it. A request without an origin comes from no page and is let through. No cookie is
/// ever read, so any page may be allowed, which is what holds until the tenant says otherwise.
/// </summary>
internal static class Origins
{
    /// <summary>Whether the page may send for the tenant; if so, the answer lets the browser show it to the page.</summary>
    public static bool Admit(HttpContext http, Tenant tenant)
    {
        http.Response.Headers.Append(HeaderNames.Vary, HeaderNames.Origin);
        if (http.Request.Headers.Origin.ToString() is not { Length: > 0 } origin)
            return true;
        if (tenant.Origins.Count > 0 && !tenant.Origins.Any(allowed => Covers(allowed, origin)))
            return false;
        Allow(http.Response, origin);
        return true;
    }

    /// <summary>
    /// Answers the question a browser asks before a request with a header or a content type of its own. The tenant is known here only from the query;
    /// without one the page is let through, and the request that follows is looked at itself.
    /// </summary>
    public static IResult Preflight(HttpContext http, ITenantDirectory tenants)
    {
        if (http.Request.Query["t"].FirstOrDefault() is { } slug && tenants.Find(slug) is { } tenant)
        {
            if (!Admit(http, tenant))
                return TypedResults.StatusCode(StatusCodes.Status403Forbidden);
        }
        else if (http.Request.Headers.Origin.ToString() is { Length: > 0 } origin)
        {
            Allow(http.Response, origin);
        }
        var headers = http.Response.Headers;
        headers.AccessControlAllowMethods = "POST";
        headers.AccessControlAllowHeaders = "content-type, x-tenant-id";
        headers.AccessControlMaxAge = "86400";
        return TypedResults.NoContent();
    }

    private static void Allow(HttpResponse response, string origin)
    {
        response.Headers.AccessControlAllowOrigin = origin;
        response.Headers.AccessControlExposeHeaders = HeaderNames.RetryAfter;
    }

    // https://*.shop.example covers www.shop.example and not shop.example; browsers write origins in lower case.
    internal static bool Covers(string allowed, string origin)
    {
        if (allowed.IndexOf("*.", StringComparison.Ordinal) is not (> 0 and var star))
            return allowed == origin;
        return origin.StartsWith(allowed[..star], StringComparison.Ordinal)
            && origin.EndsWith(allowed[(star + 1)..], StringComparison.Ordinal)
            && origin.Length > allowed.Length - 1;
    }
}
