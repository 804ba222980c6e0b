using Microsoft.AspNetCore.Http;

namespace TrackAi.Dashboard.Web;

/// <summary>
/// What a browser may do with what it gets from us. Scripts come from our own files only; style attributes are allowed because charts place their
/// parts by them, style elements are not.
/// </summary>
internal sealed class SecurityHeaders(RequestDelegate next)
{
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
        + "connect-src 'self'; form-action 'self'; base-uri 'self'; frame-ancestors 'none'";

    public Task InvokeAsync(HttpContext http)
    {
        // What machines ask for is JSON, and track.js belongs on other people's pages.
        if (
            !http.Request.Path.StartsWithSegments("/api", StringComparison.Ordinal)
            && !http.Request.Path.Equals("/track.js", StringComparison.Ordinal)
        )
            http.Response.OnStarting(Write, http.Response);
        return next(http);
    }

    private static Task Write(object state)
    {
        var headers = ((HttpResponse)state).Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        if (headers.ContentType.ToString().StartsWith("text/html", StringComparison.Ordinal))
            headers.CacheControl = "no-store";
        return Task.CompletedTask;
    }
}
