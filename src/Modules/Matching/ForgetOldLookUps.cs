using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using TrackAi.EventStore;

namespace TrackAi.Matching;

/// <summary>Deletes look-ups that are older than the longest window of any rule, a little at a time, so that the tables stay as large as that.</summary>
internal sealed partial class ForgetOldLookUps(
    NpgsqlDataSource database,
    MatchingOptions options,
    EventStoreOptions store,
    TimeProvider time,
    ILogger<ForgetOldLookUps> logger
) : BackgroundService
{
    private const int AtATime = 10_000;

    private static readonly (string Table, string At)[] Aging =
    [
        ("match_key", "clicked_at"),
        ("match_link", "at"),
        ("match_open", "at"),
        ("match_consent", "said_at"),
    ];

    /// <summary>Clicks from before this are not kept.</summary>
    public static DateTimeOffset Horizon(MatchingOptions options, DateTimeOffset now) =>
        options.ForgetEvery > TimeSpan.Zero ? now.AddDays(-options.LookBackDays - options.ReopenDays) : DateTimeOffset.MinValue;

    /// <returns>Rows deleted.</returns>
    public async Task<long> ForgetAsync(CancellationToken cancellationToken)
    {
        var horizon = Horizon(options, time.GetUtcNow());
        var deleted = 0L;
        foreach (var (table, at) in Aging)
            for (var rows = AtATime; rows == AtATime; deleted += rows)
                rows = await DeleteAsync(table, at, horizon, cancellationToken);
        return deleted;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!store.RunDaemon || options.ForgetEvery <= TimeSpan.Zero)
            return;
        using var timer = new PeriodicTimer(options.ForgetEvery, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                if (await ForgetAsync(stoppingToken) is > 0 and var rows)
                    LogForgotten(logger, rows);
            }
            catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException)
            {
                LogFailed(logger, exception);
            }
        }
    }

    // What another host is deleting is left to it.
    private async Task<int> DeleteAsync(string table, string at, DateTimeOffset horizon, CancellationToken cancellationToken)
    {
        await using var delete = database.CreateCommand(
            $"""
            delete from {table} where ctid = any (array(
                select ctid from {table} where {at} < $1 limit {AtATime} for update skip locked
            ))
            """
        );
        delete.Parameters.Add(new() { Value = horizon });
        return await delete.ExecuteNonQueryAsync(cancellationToken);
    }

    [LoggerMessage(5010, LogLevel.Information, "{Rows} look-ups of clicks were deleted: they are older than any window.")]
    private static partial void LogForgotten(ILogger logger, long rows);

    [LoggerMessage(5011, LogLevel.Warning, "Old look-ups could not be deleted; it is tried again.")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
