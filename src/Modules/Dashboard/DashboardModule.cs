using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Radzen;
using TrackAi.Dashboard.Access;
using TrackAi.Dashboard.Layout;
using TrackAi.Dashboard.Live;
using TrackAi.Dashboard.Web;
using TrackAi.Dashboard.Web.Exports;

namespace TrackAi.Dashboard;

/// <summary>The web pages: what people look at and act on, rendered on the server and kept up to date over a circuit.</summary>
public static class DashboardModule
{
    public static IServiceCollection AddDashboard(this IServiceCollection services)
    {
        services.AddRazorComponents().AddInteractiveServerComponents();
        services.AddRadzenComponents();
        services.AddCascadingAuthenticationState();
        services.AddAuthentication(CookieAuthenticationDefaults.AuthenticationScheme).AddCookie(SessionCookie.Configure);
        services.AddAuthorization();
        services.AddAntiforgery(antiforgery => antiforgery.Cookie = new LoopbackAwareCookie { Name = "trackai-form" });
        services.AddHttpContextAccessor();
        services.AddScoped<TenantAccess>();
        services
            .AddOptions<SignInLimitOptions>()
            .BindConfiguration("RateLimits:SignIn")
            .Validate(
                static limit => limit.PerAddressPerMinute >= 0,
                "RateLimits:SignIn:PerAddressPerMinute must not be negative; 0 is no limit."
            )
            .ValidateOnStart();
        services.AddSingleton(static provider => new SignInLimit(provider.GetRequiredService<IOptions<SignInLimitOptions>>().Value));
        services.AddExports();
        services.AddSingleton<Assets>();
        services.AddSingleton<LiveFeed>();
        services.AddSingleton<Rebuilds>();
        services.AddHostedService(static provider => provider.GetRequiredService<LiveFeed>());
        return services;
    }

    /// <summary>Before the endpoints: who it is, and what a browser may do with what it gets.</summary>
    public static void UseDashboard(this IApplicationBuilder web)
    {
        web.UseMiddleware<SecurityHeaders>();
        web.UseAuthentication();
        web.UseAuthorization();
        web.UseAntiforgery();
    }

    public static void MapDashboard(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/", () => TypedResults.LocalRedirect("/analytics")).ExcludeFromDescription();
        endpoints.MapAssets();
        endpoints.MapSession();
        endpoints.MapExport();
        endpoints.MapRazorComponents<App>().AddInteractiveServerRenderMode(server => server.ContentSecurityFrameAncestorsPolicy = "'none'");
    }
}
