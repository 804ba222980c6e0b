using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Host.Http;

/// <summary>
/// GET /health, /health/live, /health/ready. Live while the process lives; ready, and healthy, only with its database. Says nothing about why the
/// database is gone: the log does.
/// </summary>
internal static class Health
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public static void AddHealth(this IServiceCollection services) => services.AddSingleton<HealthReader>();

    public static void MapHealth(this IEndpointRouteBuilder endpoints)
    {
        // Its uptime counts from here.
        endpoints.ServiceProvider.GetRequiredService<HealthReader>();
        var health = endpoints.MapGroup("/health").WithTags("Health");
        health
            .MapGet("", ReadAsync)
            .WithName("Health")
            .Produces<HealthReport>()
            .Produces<HealthReport>(StatusCodes.Status503ServiceUnavailable);
        health
            .MapGet("/ready", ReadAsync)
            .WithName("Ready")
            .Produces<HealthReport>()
            .Produces<HealthReport>(StatusCodes.Status503ServiceUnavailable);
        health.MapGet("/live", Live).WithName("Live");
        // Some monitors ask without wanting the body; the server leaves it out.
        string[] head = [HttpMethods.Head];
        health.MapMethods("", head, ReadAsync).ExcludeFromDescription();
        health.MapMethods("/ready", head, ReadAsync).ExcludeFromDescription();
        health.MapMethods("/live", head, Live).ExcludeFromDescription();
    }

    private static Ok<LiveReport> Live() => TypedResults.Ok(new LiveReport("ok"));

    private static async Task<IResult> ReadAsync(HealthReader reader, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        var report = await reader.ReadAsync(patience.Token);
        return TypedResults.Json(report, statusCode: report.IsUp ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }

    internal sealed record LiveReport(string Status);

    /// <param name="Status"><c>ok</c>, <c>degraded</c> (a projection stopped, or Meta as a whole is left alone) or <c>down</c>.</param>
    /// <param name="Services">Each projection and subscription; <c>meta</c>: <c>ok</c> or <c>circuit_open</c>; <c>pixels</c>: <c>ok</c> or what is wrong with how many.</param>
    /// <param name="Uptime">Seconds since the start.</param>
    internal sealed record HealthReport(
        string Status,
        string Db,
        IReadOnlyDictionary<string, string> Services,
        long Uptime,
        QueueDepth Queue
    )
    {
        [JsonIgnore]
        public bool IsUp => Db == "connected";
    }

    internal sealed class HealthReader(
        PostgresEventStore store,
        ProjectionProgress projections,
        IDispatchHealth dispatch,
        TimeProvider time
    )
    {
        private readonly long started = time.GetTimestamp();

        public async Task<HealthReport> ReadAsync(CancellationToken cancellationToken)
        {
            var uptime = (long)time.GetElapsedTime(started).TotalSeconds;
            try
            {
                // A server that is silent does not confirm a cancellation either, and Npgsql waits for that; whoever asks for our health does not.
                var (end, shards, queue, condition) = await ReadDatabaseAsync(cancellationToken).WaitAsync(cancellationToken);
                var services = shards.ToDictionary(
                    shard => shard.Name.Split(':')[0],
                    shard => shard is { State: "running", Owner: null } ? "waiting" : shard.State,
                    StringComparer.Ordinal
                );
                var isHeld = end.Holder is { Hangs: true };
                services["log"] = isHeld ? "held_back" : "ok";
                services["meta"] = condition.MetaCircuit == "open" ? "circuit_open" : "ok";
                services["pixels"] = Pixels(condition);
                var status = isHeld || condition.MetaCircuit == "open" || shards.Any(shard => shard.State == "stopped") ? "degraded" : "ok";
                return new HealthReport(status, "connected", services, uptime, queue);
            }
            catch (Exception exception) when (exception is NpgsqlException or OperationCanceledException or TimeoutException or IOException)
            {
                return new HealthReport(
                    "down",
                    "unreachable",
                    new Dictionary<string, string>(StringComparer.Ordinal),
                    uptime,
                    new QueueDepth(0, 0, 0)
                );
            }
        }

        private static string Pixels(DispatchCondition condition)
        {
            (long Count, string What)[] wrong =
            [
                (condition.Paused, "paused"),
                (condition.OpenCircuits, "circuit_open"),
                (condition.Throttled, "throttled"),
                (condition.TokenAlerts, "token_alert"),
            ];
            return string.Join(", ", wrong.Where(one => one.Count > 0).Select(one => $"{one.Count} {one.What}").DefaultIfEmpty("ok"));
        }

        private async Task<(
            LogEnd End,
            IReadOnlyList<ShardStatus> Shards,
            QueueDepth Queue,
            DispatchCondition Condition
        )> ReadDatabaseAsync(CancellationToken cancellationToken) =>
            (
                await store.ReadEndAsync(cancellationToken),
                await projections.ReadAsync(cancellationToken),
                await dispatch.ReadDepthAsync(cancellationToken),
                await dispatch.ReadConditionAsync(cancellationToken)
            );
    }
}
