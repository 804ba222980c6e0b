using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.FeatureManagement;
using TrackAi.Analytics.Http;
using TrackAi.Analytics.Projections;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Analytics;

/// <summary>The read models people query, and the API over them.</summary>
public static class AnalyticsModule
{
    public static IServiceCollection AddAnalytics(this IServiceCollection services)
    {
        services.AddFeatureManagement();
        services.AddSingleton<Periods>();
        services.AddSingleton<IReadLedger, ReadLedger>();
        services.AddSingleton<IReadFigures, ReadFigures>();
        services.AddSingleton<IReadSales, ReadSales>();
        services.AddSingleton<IReadTimeline, ReadTimeline>();
        services.AddProjection<VisitsProjection>();
        services.AddProjection<ConversionsProjection>();
        services.AddProjection<ConversionStatusProjection>();
        services.AddProjection<DispatchSummaryProjection>();
        services.AddProjection<MatchReasonsProjection>();
        services.AddSingleton<IReadMatches, ReadMatches>();
        return services.AddSchema("analytics", typeof(AnalyticsModule).Assembly);
    }

    public static void MapAnalytics(this IEndpointRouteBuilder endpoints)
    {
        var analytics = endpoints
            .MapGroup("/api/v1/analytics")
            .WithTags("Analytics")
            .AddEndpointFilter<AnalyticsAccess>()
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status401Unauthorized)
            .ProducesProblem(StatusCodes.Status403Forbidden);
        analytics
            .MapGet("/dispatch-summary", DispatchSummary.HandleAsync)
            .WithName("DispatchSummary")
            .WithSummary("How many conversions were sent, skipped, given up or still wait, by day and gateway, and why.");
        analytics
            .MapGet("/match-rate", MatchRate.HandleAsync)
            .WithName("MatchRate")
            .WithSummary("How many conversions could be joined to a click, by day and by rule.");
        analytics
            .MapGet("/conversions", ListConversions.HandleAsync)
            .WithName("ListConversions")
            .WithSummary("Conversions, the latest first, a page at a time.");
        analytics
            .MapGet("/conversions/{id}/timeline", ConversionTimeline.HandleAsync)
            .WithName("ConversionTimeline")
            .WithSummary("What happened to one conversion, step by step, and why.");
        analytics
            .MapGet("/dead-letters", ListDeadLetters.HandleAsync)
            .WithName("ListDeadLetters")
            .WithSummary("Dispatches that were given up, the latest first, a page at a time.");
    }
}
