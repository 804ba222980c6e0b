using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Npgsql;
using TrackAi.Dispatch.Queue;

namespace TrackAi.Dispatch;

/// <summary>What this host holds. Kept up for as long as the work takes, so that a slow answer of Meta's has nobody else send the same.</summary>
internal sealed partial class Claims(IDispatchTransport transport, DispatchOptions options, TimeProvider time, ILogger<Claims> logger)
{
    private readonly ConcurrentDictionary<Guid, ConcurrentDictionary<string, byte>> held = [];

    public void Add(Guid claim, IReadOnlyList<ClaimedDispatch> claimed) =>
        held[claim] = new(claimed.Select(one => KeyValuePair.Create(one.DispatchId, default(byte))), StringComparer.Ordinal);

    public void Finish(Guid claim, IEnumerable<string> dispatches)
    {
        if (held.TryGetValue(claim, out var left))
            foreach (var dispatch in dispatches)
                left.TryRemove(dispatch, out _);
    }

    public void Remove(Guid claim) => held.TryRemove(claim, out _);

    public async Task KeepUpAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(options.ClaimTime / 3, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
                foreach (var (claim, dispatches) in held)
                    await ExtendAsync(claim, [.. dispatches.Keys], stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Nothing is held any more.
        }
    }

    private async Task ExtendAsync(Guid claim, string[] dispatches, CancellationToken stop)
    {
        if (dispatches.Length == 0)
            return;
        try
        {
            await transport.ExtendAsync(claim, dispatches, time.GetUtcNow() + options.ClaimTime, stop);
        }
        catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException)
        {
            LogNotExtended(logger, exception);
        }
    }

    [LoggerMessage(2009, LogLevel.Warning, "Claims could not be kept up; another host may send the same events under the same ids.")]
    private static partial void LogNotExtended(ILogger logger, Exception exception);
}
