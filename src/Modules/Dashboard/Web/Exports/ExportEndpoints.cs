using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using TrackAi.Contracts;
using TrackAi.Dashboard.Access;
using TrackAi.Dashboard.Figures;

namespace TrackAi.Dashboard.Web.Exports;

/// <summary>GET /analytics/{tenant}/export/{what}.csv and .json: what a page shows under the same filters, all of it, a row at a time.</summary>
internal static class ExportEndpoints
{
    public static void AddExports(this IServiceCollection services)
    {
        services.AddSingleton<IExport, OverviewExport>();
        services.AddSingleton<IExport, SalesExport>();
        services.AddSingleton<IExport, TimelineExport>();
        services.AddSingleton<IExport, DeadLettersExport>();
        services.AddSingleton<IExport, MatchExport>();
        services.AddSingleton<IExport, UnmatchedExport>();
        services.AddSingleton<IExport, PixelsExport>();
        services.AddSingleton<IExport, ReadModelsExport>();
        services.AddSingleton<IExport, NotUnderstoodExport>();
        services.AddSingleton<IExport, FunnelsExport>();
        services.AddSingleton<IExport, PeopleExport>();
        services.AddSingleton<IExport, ApiKeysExport>();
        services.AddSingleton<IExport, AuditExport>();
    }

    public static void MapExport(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapGet("/analytics/{tenant}/export/{what}.{format}", SendAsync).RequireAuthorization().ExcludeFromDescription();

    private static async Task SendAsync([AsParameters] Request request)
    {
        var (http, cancellationToken) = (request.Http, request.Http.RequestAborted);
        // A circuit is told who it is when it begins; so is a single request.
        ((IHostEnvironmentAuthenticationStateProvider)request.States).SetAuthenticationState(
            Task.FromResult(new AuthenticationState(http.User))
        );
        if (
            request.Format is not ("csv" or "json")
            || request.Exports.SingleOrDefault(one => one.Name == request.What) is not { } export
            || await request.Access.FindAsync(request.Tenant, cancellationToken) is not { } seen
        )
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        if ((await request.Flags.ListAsync(cancellationToken)).Any(flag => flag is { Name: "analytics_views", IsOn: false }))
        {
            http.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }

        var asked = http.Request.Query;
        var today = DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(request.Time.GetUtcNow(), seen.Zone).DateTime);
        var span = Span.Of(asked["period"], asked["from"], asked["to"], today);
        var table = await export.ReadAsync(new ExportScope(seen, span, asked), cancellationToken);
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.ContentDisposition = string.Create(
            CultureInfo.InvariantCulture,
            $"attachment; filename=\"{seen.Slug}-{export.Name}-{span.From:yyyy-MM-dd}-{span.To:yyyy-MM-dd}.{request.Format}\""
        );
        await (
            request.Format == "csv"
                ? Csv.WriteAsync(table, http.Response, cancellationToken)
                : JsonRows.WriteAsync(table, http.Response, cancellationToken)
        );
    }

    private sealed record Request(
        HttpContext Http,
        [FromRoute] string Tenant,
        [FromRoute] string What,
        [FromRoute] string Format,
        TenantAccess Access,
        AuthenticationStateProvider States,
        IFeatureFlags Flags,
        IEnumerable<IExport> Exports,
        TimeProvider Time
    );
}
