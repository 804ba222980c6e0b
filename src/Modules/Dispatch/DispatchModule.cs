using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using TrackAi.Contracts;
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
        services.AddSingleton<PrepareDispatches>();
        services.AddSingleton<RecordAttempts>();
        services.AddSingleton<IDispatchHealth, DispatchHealth>();
        services.AddSingleton<IHoldPersonalData, HeldDispatches>();
        services.AddSubscription<RequestDispatches>();
        services.AddHostedService<DispatchWorker>();
        return services.AddSchema("dispatch", typeof(DispatchModule).Assembly);
    }

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
        if (options.FirstRetry <= TimeSpan.Zero || options.LongestRetry < options.FirstRetry)
            throw new InvalidOperationException("Dispatch:FirstRetry: must be more than nothing and at most Dispatch:LongestRetry.");
        return options;
    }
}

internal sealed class DispatchHealth(PostgresQueue queue) : IDispatchHealth
{
    public async Task<QueueDepth> ReadDepthAsync(CancellationToken cancellationToken)
    {
        var depth = await queue.ReadDepthAsync(cancellationToken);
        return new QueueDepth(depth.Waiting, depth.Active, depth.Failed);
    }
}
