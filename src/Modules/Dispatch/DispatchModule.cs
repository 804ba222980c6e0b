using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Microsoft.FeatureManagement;
using TrackAi.Contracts;
using TrackAi.Dispatch.DeadLetters;
using TrackAi.Dispatch.Http;
using TrackAi.Dispatch.Lanes;
using TrackAi.Dispatch.Ledger;
using TrackAi.Dispatch.Queue;
using TrackAi.Dispatch.Queue.Sqs;
using TrackAi.Dispatch.Replay;
using TrackAi.EventStore;

namespace TrackAi.Dispatch;

public static class DispatchModule
{
    public static IServiceCollection AddDispatch(this IServiceCollection services)
    {
        services.AddSingleton(ReadOptions);
        services
            .AddOptions<GraceOptions>()
            .BindConfiguration("Matching")
            .Validate(static grace => grace.GraceSeconds >= 0, "Matching:GraceSeconds must not be negative; 0 does not wait.")
            .ValidateOnStart();
        services.AddSingleton(static provider => provider.GetRequiredService<IOptions<GraceOptions>>().Value);
        services.TryAddSingleton<Random>();
        services.AddMetaClient();
        services.AddSingleton<PostgresQueue>();
        services.AddFeatureManagement();
        services.AddSingleton(ReadSqsOptions);
        services.AddSingleton<SqsClient>();
        services.AddSingleton<SqsQueue>();
        services.AddSingleton<SqsRelay>();
        services.AddSingleton<SqsTransport>();
        services.AddSingleton<PostgresTransport>();
        services.AddSingleton<IDispatchTransport>(provider =>
            IsSqs(provider.GetRequiredService<DispatchOptions>())
                ? provider.GetRequiredService<SqsTransport>()
                : provider.GetRequiredService<PostgresTransport>()
        );
        services.AddSingleton<HostLanes>();
        services.AddSingleton<PixelStates>();
        services.AddSingleton<Claims>();
        services.AddSingleton<PrepareDispatches>();
        services.AddSingleton<ForeseeRefusals>();
        services.AddSingleton<RecordAttempts>();
        services.AddSingleton<SendLane>();
        services.AddSingleton<ReviveSkipped>();
        services.AddSingleton<IDispatchHealth, DispatchHealth>();
        services.AddSingleton<IHoldPersonalData, HeldDispatches>();
        services.AddSingleton<IPixelControl, PixelControl>();
        services.AddSingleton<IDispatchPreview, Preview>();
        services.AddSingleton<IDeadLetters, DeadLetterBox>();
        services.AddSingleton<IDispatchReplay, SendReplayed>();
        services.AddSingleton<IDispatchLedger, VerifyLedger>();
        services.AddSubscription<RequestDispatches>();
        services.AddHostedService<DispatchWorker>();
        services.AddHostedService<Housekeeping>();
        services.AddSingleton<TokenProbe>();
        services.AddSingleton<TokenStandings>();
        services.AddSingleton<CheckToken>();
        services.AddHostedService<TokenHealth>();
        return services.AddSchema("dispatch", typeof(DispatchModule).Assembly);
    }

    public static void MapDispatch(this IEndpointRouteBuilder endpoints) => DeadLetterApi.Map(endpoints);

    private static DispatchOptions ReadOptions(IServiceProvider provider)
    {
        var options = provider.GetRequiredService<IConfiguration>().GetSection("Dispatch").Get<DispatchOptions>() ?? new();
        if (!IsSqs(options) && !string.Equals(options.Transport, "postgres", StringComparison.OrdinalIgnoreCase))
            throw new InvalidOperationException($"Dispatch:Transport: '{options.Transport}' is no transport; use 'postgres' or 'sqs'.");
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
        foreach (
            var (name, wait) in (IEnumerable<(string, TimeSpan)>)
                [
                    (nameof(options.ClaimTime), options.ClaimTime),
                    (nameof(options.PollingTime), options.PollingTime),
                    (nameof(options.HousekeepingTime), options.HousekeepingTime),
                    ($"{nameof(options.Circuit)}:{nameof(options.Circuit.Window)}", options.Circuit.Window),
                ]
        )
            if (wait <= TimeSpan.Zero || wait > TimeSpan.FromDays(1))
                throw new InvalidOperationException($"Dispatch:{name}: must be more than nothing and at most a day, such as 00:00:05.");
        if (options.TokenCheckTime < TimeSpan.Zero || options.TokenCheckTime > TimeSpan.FromDays(30))
            throw new InvalidOperationException("Dispatch:TokenCheckTime: must be between 0, which never asks, and 30 days.");
        return options;
    }

    private static bool IsSqs(DispatchOptions options) => string.Equals(options.Transport, "sqs", StringComparison.OrdinalIgnoreCase);

    private static SqsOptions ReadSqsOptions(IServiceProvider provider)
    {
        var options = provider.GetRequiredService<IConfiguration>().GetSection("Sqs").Get<SqsOptions>() ?? new();
        if (
            options.Queue.EndsWith(".fifo", StringComparison.Ordinal) || options.DeadLetterQueue.EndsWith(".fifo", StringComparison.Ordinal)
        )
            throw new InvalidOperationException("Sqs:Queue: must be a standard queue; ordering is not needed, and FIFO queues are slower.");
        if (options.MaxReceiveCount is < 1 or > 1000)
            throw new InvalidOperationException("Sqs:MaxReceiveCount: must be between 1 and 1000.");
        if (options.Visibility < TimeSpan.FromSeconds(1) || options.Visibility > TimeSpan.FromHours(12))
            throw new InvalidOperationException("Sqs:Visibility: must be between 1 second and 12 hours.");
        if (options.Wait < TimeSpan.Zero || options.Wait > TimeSpan.FromSeconds(20))
            throw new InvalidOperationException("Sqs:Wait: must be between 0 and 20 seconds.");
        if (options.MostPerMessage is < 1 or > 300 || options.MostPerPixel < options.MostPerMessage)
            throw new InvalidOperationException("Sqs:MostPerMessage: must be between 1 and 300, and at most Sqs:MostPerPixel.");
        if (options.HandOverAgain <= TimeSpan.Zero)
            throw new InvalidOperationException("Sqs:HandOverAgain: must be more than nothing.");
        return options;
    }
}
