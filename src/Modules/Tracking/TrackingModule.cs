using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace TrackAi.Tracking;

public static class TrackingModule
{
    public static IServiceCollection AddTracking(this IServiceCollection services)
    {
        services
            .AddOptions<TrackingOptions>()
            .BindConfiguration("Tracking")
            .Validate(static tracking => tracking.BodyBytes > 0, "Tracking:BodyBytes must be at least 1.")
            .ValidateOnStart();
        services.AddSingleton(static provider => provider.GetRequiredService<IOptions<TrackingOptions>>().Value);
        services
            .AddOptions<TrackRateLimitOptions>()
            .BindConfiguration("RateLimits:Track")
            .Validate(
                static track => track.PerAddressPerSecond >= 0,
                "RateLimits:Track:PerAddressPerSecond must not be negative; 0 is no limit."
            )
            .Validate(
                static track => track.PerTenantPerSecond >= 0,
                "RateLimits:Track:PerTenantPerSecond must not be negative; 0 is no limit."
            )
            .ValidateOnStart();
        services.AddSingleton(provider => new RateLimits(provider.GetRequiredService<IOptions<TrackRateLimitOptions>>().Value));
        services.AddSingleton<RecordVisit>();
        return services.AddSingleton<Visit>();
    }

    public static void MapTracking(this IEndpointRouteBuilder endpoints)
    {
        endpoints
            .MapMethods("/track.js", [HttpMethods.Get, HttpMethods.Head], Pixel.Get)
            .WithTags("Tracking")
            .WithName("Pixel")
            .WithSummary("The pixel.");
        var track = endpoints
            .MapGroup("/api/v1/track")
            .WithTags("Tracking")
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status403Forbidden)
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status429TooManyRequests)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        track.MapPost("/click", CaptureClick.HandleAsync).WithName("CaptureClick").WithSummary("An ad click on a seller's page.");
        track.MapPost("/pageview", CapturePageview.HandleAsync).WithName("CapturePageview").WithSummary("A page seen.");
        track.MapPost("/initiate_checkout", CaptureCheckout.HandleAsync).WithName("CaptureCheckout").WithSummary("A checkout begun.");
        track.MapMethods("/{visit}", [HttpMethods.Options], Origins.Preflight).ExcludeFromDescription();
    }
}

/// <summary>Section <c>Tracking</c>.</summary>
public sealed class TrackingOptions
{
    /// <summary>Largest body of a visit, in bytes.</summary>
    public int BodyBytes { get; set; } = 16 * 1024;
}
