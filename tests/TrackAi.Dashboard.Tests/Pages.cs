using System.Reflection;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.DependencyInjection;
using TrackAi.Dashboard.Web.Exports;

namespace TrackAi.Dashboard.Tests;

/// <summary>The pages there are, found in the assembly: a new one is under every rule the moment it exists.</summary>
internal static class Pages
{
    public static IReadOnlyList<string> Routes { get; } =
    [
        .. typeof(DashboardModule)
            .Assembly.GetTypes()
            .SelectMany(type => type.GetCustomAttributes<RouteAttribute>())
            .Select(route => route.Template)
            .Order(StringComparer.Ordinal),
    ];

    public static IReadOnlyList<string> OfATenant { get; } =
    [.. Routes.Where(route => route.Contains("{TenantId}", StringComparison.Ordinal))];

    /// <summary>What can be taken away of a tenant, in both forms.</summary>
    public static IReadOnlyList<string> ExportsOf(DashboardServer server) =>
        [
            .. server
                .Host.Services.GetServices<IExport>()
                .SelectMany(export => new[] { "csv", "json" }.Select(format => $"/analytics/{{TenantId}}/export/{export.Name}.{format}")),
        ];

    public static string Of(string route, string tenant) => route.Replace("{TenantId}", tenant, StringComparison.Ordinal);

    /// <summary>What a picture of it is called.</summary>
    public static string NameOf(string route) =>
        route.Trim('/').Replace("analytics/{TenantId}", "tenant", StringComparison.Ordinal).Replace('/', '-');
}
