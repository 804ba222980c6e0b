using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace TrackAi.Tracking;

/// <summary>GET /track.js: the pixel that sellers put on their pages.</summary>
internal static class Pixel
{
    private static readonly byte[] Script = System.Text.Encoding.UTF8.GetBytes(Compactor.Compact(ReadSource()));

    private static readonly EntityTagHeaderValue Tag = new($"\"{Convert.ToHexStringLower(SHA256.HashData(Script))[..16]}\"");

    public static ReadOnlySpan<byte> Served => Script;

    public static IResult Get(HttpContext http)
    {
        var headers = http.Response.Headers;
        headers.CacheControl = "public, max-age=3600, stale-while-revalidate=86400";
        // Pages that isolate themselves load only what says that it may be loaded.
        headers.AccessControlAllowOrigin = "*";
        headers["Cross-Origin-Resource-Policy"] = "cross-origin";
        headers.XContentTypeOptions = "nosniff";
        return TypedResults.Bytes(Script, "text/javascript; charset=utf-8", entityTag: Tag);
    }

    private static string ReadSource()
    {
        using var source = typeof(Pixel).Assembly.GetManifestResourceStream("TrackAi.Tracking.Pixel.track.js")!;
        using var reader = new StreamReader(source);
        return reader.ReadToEnd();
    }
}
