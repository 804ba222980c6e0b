using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.FeatureManagement;
using TrackAi.Contracts;
using TrackAi.Dispatch.DeadLetters;
using TrackAi.Dispatch.Http;
using TrackAi.Dispatch.Lanes;
using TrackAi.Dispatch.Queue;
using TrackAi.EventStore;

namespace TrackAi.Dispatch;

public static class DispatchModule
{
    public static IServiceCollection AddDispatch(this IServiceCollection services)
    {
        services.AddSingleton(ReadOptions);
        services.AddSingleton(provider =>
            provider.GetRequiredService<IConfiguration>().GetSection("Matching").Get<GraceOptions>() ?? new()
        );
        services.TryAddSingleton<Random>();
        services.AddMetaClient();
        services.AddSingleton<PostgresQueue>();
        services.AddFeatureManagement();
        services.AddSingleton<IDispatchTransport, PostgresTransport>();
        services.AddSingleton<HostLanes>();
        services.AddSingleton<PixelStates>();
        services.AddSingleton<Claims>();
        services.AddSingleton<PrepareDispatches>();
        services.AddSingleton<RecordAttempts>();
        services.AddSingleton<SendLane>();
        services.AddSingleton<ReviveSkipped>();
        services.AddSingleton<IDispatchHealth, DispatchHealth>();
        services.AddSingleton<IHoldPersonalData, HeldDispatches>();
        services.AddSingleton<IPixelControl, PixelControl>();
        services.AddSingleton<IDispatchPreview, Preview>();
        services.AddSingleton<IDeadLetters, DeadLetterBox>();
        services.AddSubscription<RequestDispatches>();
        services.AddHostedService<DispatchWorker>();
        services.AddHostedService<Housekeeping>();
        services.AddSingleton<TokenProbe>();
        services.AddHostedService<TokenHealth>();
        return services.AddSchema("dispatch", typeof(DispatchModule).Assembly);
    }

    public static void MapDispatch(this IEndpointRouteBuilder endpoints) => DeadLetterApi.Map(endpoints);

    private static DispatchOptions ReadOptions(IServiceProvider provider)
    {
        var options = provider.GetRequiredService<IConfiguration>().GetSection("Dispatch").Get<DispatchOptions>() ?? new();
        if (!string.Equals(options.Transport, "postgres", StringComparison.OrdinalIgnoreCase))
            throw new InvalidOperationException(
                $"Dispatch:Transport: '{options.Transport}' is not a transport of this version; use 'postgres'."
            );
        if (options.BatchSize is < 1 or > MetaClient.MostEvents)
            throw new InvalidOperationException($"Dispatch:BatchSize: must be between 1 and {MetaClient.MostEvents}, Meta's limit.");
        if (options.MaxInFlight < 1)
            throw new InvalidOperationException("Dispatch:MaxInFlight: must be at least 1.");
        if (options.MaxInFlightPerPixel < 1)
            throw new InvalidOperationException("Dispatch:MaxInFlightPerPixel: must be at least 1.");
        if (options.Circuit is { MinimumRequests: < 2 } or { MinimumRequestsOfAll: < 2 } or { FailureRatio: <= 0 or > 1 })
            throw new InvalidOperationException(
                "Dispatch:Circuit: MinimumRequests and MinimumRequestsOfAll must be at least 2, FailureRatio more than 0 and at most 1."
            );
        if (options.Circuit.Break < TimeSpan.FromSeconds(0.5) || options.Circuit.LongestBreak < options.Circuit.Break)
            throw new InvalidOperationException(
                "Dispatch:Circuit:Break: must be at least half a second and at most Dispatch:Circuit:LongestBreak."
            );
        if (options.FirstRetry <= TimeSpan.Zero || options.LongestRetry < options.FirstRetry)
            throw new InvalidOperationException("Dispatch:FirstRetry: must be more than nothing and at most Dispatch:LongestRetry.");
        return options;
    }
}
