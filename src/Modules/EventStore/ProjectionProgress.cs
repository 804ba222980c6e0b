using Npgsql;
using TrackAi.EventStore.Running;

namespace TrackAi.EventStore;

/// <summary>Where a projection or subscription stands.</summary>
/// <param name="State"><c>running</c>, <c>paused</c> or <c>stopped</c> (at a poison event).</param>
/// <param name="Owner">The host that runs it; null when nobody does.</param>
public sealed record ShardStatus(
    string Name,
    string State,
    long Progress,
    string? Owner,
    long? ErrorSequence,
    string? ErrorType,
    string? Error
);

/// <summary>The progress of all shards, for people and for whoever must wait for a position.</summary>
public sealed class ProjectionProgress(NpgsqlDataSource dataSource, TimeProvider time)
{
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(15);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(40);

    public async Task<IReadOnlyList<ShardStatus>> ReadAsync(CancellationToken cancellationToken = default)
    {
        await using var select = dataSource.CreateCommand(
            """
            select s.name, s.state, coalesce(p.last_seq_id, 0), case when s.leased_until > now() then s.owner end, s.error_sequence, s.error_type, s.error
            from es_shard s left join mt_event_progression p on p.name = s.name order by s.name
            """
        );
        var shards = new List<ShardStatus>();
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            shards.Add(
                new ShardStatus(
                    reader.GetString(0),
                    reader.GetString(1),
                    reader.GetInt64(2),
                    reader.IsDBNull(3) ? null : reader.GetString(3),
                    reader.IsDBNull(4) ? null : reader.GetInt64(4),
                    reader.IsDBNull(5) ? null : reader.GetString(5),
                    reader.IsDBNull(6) ? null : reader.GetString(6)
                )
            );
        return shards;
    }

    /// <summary>Returns once a projection has applied everything up to a position; throws <see cref="TimeoutException"/> with where it stands instead.</summary>
    public Task WaitForAsync(string name, long position, TimeSpan atMost, CancellationToken cancellationToken = default) =>
        WaitForAsync([name], position, atMost, cancellationToken);

    /// <summary>The same of several: returns once the last of them is there.</summary>
    public async Task WaitForAsync(
        IReadOnlyCollection<string> names,
        long position,
        TimeSpan atMost,
        CancellationToken cancellationToken = default
    )
    {
        var started = time.GetTimestamp();
        while (true)
        {
            var shards = (await ReadAsync(cancellationToken)).ToDictionary(shard => shard.Name, StringComparer.Ordinal);
            var late = names.FirstOrDefault(name => !shards.TryGetValue(Shard.NameOf(name), out var shard) || shard.Progress < position);
            if (late is null)
                return;
            var waited = time.GetElapsedTime(started);
            if (waited > atMost)
            {
                var shard = shards.GetValueOrDefault(Shard.NameOf(late));
                throw new TimeoutException(
                    $"{late} is at {shard?.Progress ?? 0} ({shard?.State ?? "never ran"}: {shard?.Error}), not at {position}, after {atMost}."
                );
            }
            // Who has waited long asks less often.
            await Task.Delay(Clamped(waited / 8), time, cancellationToken);
        }

        static TimeSpan Clamped(TimeSpan pause) =>
            pause < ShortestPause ? ShortestPause
            : pause > LongestPause ? LongestPause
            : pause;
    }

    /// <summary>Lets a paused or stopped shard run again; false when there is no such shard.</summary>
    public Task<bool> ResumeAsync(string name, CancellationToken cancellationToken = default) =>
        ChangeAsync(
            "state = 'running', error_sequence = null, error_type = null, error = null, changed_at = now()",
            name,
            cancellationToken
        );

    public Task<bool> PauseAsync(string name, CancellationToken cancellationToken = default) =>
        ChangeAsync("state = 'paused', changed_at = now(), token = token + 1, owner = null, leased_until = null", name, cancellationToken);

    /// <summary>Steps over the event the shard stopped at, which becomes a dead letter; false when it is not stopped.</summary>
    public Task<bool> SkipAsync(string name, CancellationToken cancellationToken = default) =>
        ChangeAsync(
            "skip_sequence = error_sequence, skip_error = error, state = 'running', error_sequence = null, error_type = null, error = null, changed_at = now()",
            name,
            cancellationToken,
            "and error_sequence is not null"
        );

    private async Task<bool> ChangeAsync(string change, string name, CancellationToken cancellationToken, string condition = "")
    {
        await using var update = dataSource.CreateCommand($"update es_shard set {change} where name = $1 {condition}");
        update.Parameters.Add(new() { Value = Shard.NameOf(name) });
        return await update.ExecuteNonQueryAsync(cancellationToken) == 1;
    }
}
