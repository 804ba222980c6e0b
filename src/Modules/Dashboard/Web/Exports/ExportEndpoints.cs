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

/// <summary>
/// GET /analytics/{tenant}/export/{what}.csv and .json: what a page shows under the same filters, all of it, a row at a time; the list of tenants, which is
/// of none, is at /analytics/export/tenants.
/// </summary>
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
        services.AddSingleton<IExport, GatewaysExport>();
        services.AddSingleton<IExport, PeopleExport>();
        services.AddSingleton<IExport, ApiKeysExport>();
        services.AddSingleton<IExport, AuditExport>();
    }

    public static void MapExport(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/analytics/{tenant}/export/{what}.{format}", SendAsync).RequireAuthorization().ExcludeFromDescription();
        endpoints.MapGet("/analytics/export/tenants.{format}", SendTenantsAsync).RequireAuthorization().ExcludeFromDescription();
    }

    private static async Task SendAsync([AsParameters] Request request)
    {
        var (http, cancellationToken) = (request.Http, request.Http.RequestAborted);
        SignIn(request.States, http);
        if (
            !IsFormat(request.Format)
            || request.Exports.SingleOrDefault(one => one.Name == request.What) is not { } export
            || await request.Access.FindAsync(request.Tenant, cancellationToken) is not { } seen
        )
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        if (await IsSwitchedOffAsync(request.Flags, cancellationToken))
        {
            http.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }

        var asked = http.Request.Query;
        var today = DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(request.Time.GetUtcNow(), seen.Zone).DateTime);
        var span = Span.Of(asked["period"], asked["from"], asked["to"], today);
        var table = await export.ReadAsync(new ExportScope(seen, span, asked), cancellationToken);
        await WriteAsync(
            table,
            string.Create(CultureInfo.InvariantCulture, $"{seen.Slug}-{export.Name}-{span.From:yyyy-MM-dd}-{span.To:yyyy-MM-dd}"),
            request.Format,
            http.Response,
            cancellationToken
        );
    }

    private static async Task SendTenantsAsync([AsParameters] TenantsRequest request)
    {
        var (http, cancellationToken) = (request.Http, request.Http.RequestAborted);
        SignIn(request.States, http);
        if (!IsFormat(request.Format) || await request.Access.UserAsync(cancellationToken) is null)
            http.Response.StatusCode = StatusCodes.Status404NotFound;
        else if (await IsSwitchedOffAsync(request.Flags, cancellationToken))
            http.Response.StatusCode = StatusCodes.Status403Forbidden;
        else
            await WriteAsync(
                TenantsExport.Of(
                    await TenantRow.ListAsync(
                        await request.Access.ListAsync(cancellationToken),
                        request.Figures,
                        request.Time,
                        cancellationToken
                    )
                ),
                string.Create(CultureInfo.InvariantCulture, $"tenants-{request.Time.GetUtcNow():yyyy-MM-dd}"),
                request.Format,
                http.Response,
                cancellationToken
            );
    }

    // A circuit is told who it is when it begins; so is a single request.
    private static void SignIn(AuthenticationStateProvider states, HttpContext http) =>
        ((IHostEnvironmentAuthenticationStateProvider)states).SetAuthenticationState(Task.FromResult(new AuthenticationState(http.User)));

    private static bool IsFormat(string format) => format is "csv" or "json";

    private static async Task<bool> IsSwitchedOffAsync(IFeatureFlags flags, CancellationToken cancellationToken) =>
        (await flags.ListAsync(cancellationToken)).Any(flag => flag is { Name: "analytics_views", IsOn: false });

    private static Task WriteAsync(
        ExportTable table,
        string name,
        string format,
        HttpResponse response,
        CancellationToken cancellationToken
    )
    {
        response.Headers.CacheControl = "no-store";
        response.Headers.ContentDisposition = $"attachment; filename=\"{name}.{format}\"";
        return format == "csv"
            ? Csv.WriteAsync(table, response, cancellationToken)
            : JsonRows.WriteAsync(table, response, cancellationToken);
    }

    private sealed record TenantsRequest(
        HttpContext Http,
        [FromRoute] string Format,
        TenantAccess Access,
        AuthenticationStateProvider States,
        IFeatureFlags Flags,
        IReadFigures Figures,
        TimeProvider Time
    );

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
