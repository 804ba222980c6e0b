using System.Collections.Frozen;
using System.IO.Compression;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace TrackAi.Dashboard.Web;

/// <summary>Stylesheets and scripts, from inside the assembly. Their address has their content's hash in it, so a browser fetches each once.</summary>
internal sealed class Assets
{
    private const string Prefix = "assets/";
    private const string Folder = "/dashboard-assets";

    private static readonly FrozenDictionary<string, string> Types = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        [".css"] = "text/css; charset=utf-8",
        [".js"] = "text/javascript; charset=utf-8",
        [".svg"] = "image/svg+xml",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private readonly FrozenDictionary<string, Asset> files = typeof(Assets)
        .Assembly.GetManifestResourceNames()
        .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
        .Select(Asset.Read)
        .ToFrozenDictionary(asset => asset.Name, StringComparer.Ordinal);

    public string this[string name] => $"{Folder}/{files[name].Digest}/{name}";

    public Asset? Find(string digest, string name) => files.GetValueOrDefault(name) is { } asset && asset.Digest == digest ? asset : null;

    /// <summary>One file, packed when it is first asked for.</summary>
    internal sealed class Asset(string name, byte[] content)
    {
        private readonly Lazy<byte[]> packed = new(() => Pack(content));

        public string Name => name;

        public byte[] Content => content;

        public byte[] Packed => packed.Value;

        public string Digest { get; } = Convert.ToHexStringLower(SHA256.HashData(content))[..16];

        public string Type => Types[Path.GetExtension(name)];

        public static Asset Read(string resource)
        {
            using var stream = typeof(Assets).Assembly.GetManifestResourceStream(resource)!;
            var content = new byte[stream.Length];
            stream.ReadExactly(content);
            return new Asset(resource[Prefix.Length..], content);
        }

        private static byte[] Pack(byte[] content)
        {
            using var packed = new MemoryStream();
            using (var gzip = new GZipStream(packed, CompressionLevel.Optimal))
                gzip.Write(content);
            return packed.ToArray();
        }
    }
}

internal static class AssetEndpoints
{
    public static void MapAssets(this IEndpointRouteBuilder endpoints)
    {
        // Read before the first page is asked for.
        endpoints.ServiceProvider.GetRequiredService<Assets>();
        endpoints.MapGet("/dashboard-assets/{digest}/{name}", Serve).ExcludeFromDescription();
        endpoints.MapGet("/favicon.ico", (Assets assets) => TypedResults.LocalRedirect(assets["favicon.svg"])).ExcludeFromDescription();
    }

    private static Results<FileContentHttpResult, NotFound> Serve(string digest, string name, HttpContext http, Assets assets)
    {
        if (assets.Find(digest, name) is not { } asset)
            return TypedResults.NotFound();
        http.Response.Headers.CacheControl = "public, max-age=31536000, immutable";
        http.Response.Headers.Vary = "Accept-Encoding";
        if (!http.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.Ordinal))
            return TypedResults.File(asset.Content, asset.Type);
        http.Response.Headers.ContentEncoding = "gzip";
        return TypedResults.File(asset.Packed, asset.Type);
    }
}
