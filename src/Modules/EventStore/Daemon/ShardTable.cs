using Npgsql;
using NpgsqlTypes;

namespace TrackAi.EventStore.Running;

/// <summary>Who runs what: leases with a token that fences off whoever lost one. Table <c>es_shard</c>; progress is in Marten's table.</summary>
internal sealed class ShardTable(NpgsqlDataSource dataSource, EventStoreOptions options)
{
    /// <summary>Renews what the owner holds and takes what is free; returns the token of each shard held.</summary>
    public async Task<IReadOnlyDictionary<string, long>> LeaseAsync(
        string owner,
        IReadOnlyCollection<string> shards,
        CancellationToken cancellationToken
    )
    {
        await using var command = dataSource.CreateCommand(
            """
            insert into es_shard as s (name, owner, token, leased_until)
            select n, $2, 1, now() + $3 from unnest($1) n order by n
            on conflict (name) do update
            set owner = $2, leased_until = now() + $3, token = s.token + case when s.owner = $2 then 0 else 1 end
            where s.owner = $2 or s.owner is null or s.leased_until is null or s.leased_until < now()
            returning name, token
            """
        );
        command.Parameters.Add(new() { Value = shards.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar });
        command.Parameters.Add(new() { Value = owner });
        command.Parameters.Add(new() { Value = options.LeaseTime });

        var held = new Dictionary<string, long>(StringComparer.Ordinal);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            held[reader.GetString(0)] = reader.GetInt64(1);
        return held;
    }

    /// <summary>
    /// Takes a shard from whoever runs it, who finds its token outdated at its next commit; or keeps it for a while longer. For what must not run beside it.
    /// </summary>
    public async Task<long> TakeOverAsync(string shard, string owner, TimeSpan atMost, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(
            """
            insert into es_shard as s (name, owner, token, leased_until) values ($1, $2, 1, now() + $3)
            on conflict (name) do update
            set owner = $2, leased_until = now() + $3, token = s.token + case when s.owner = $2 then 0 else 1 end
            returning token
            """
        );
        command.Parameters.Add(new() { Value = shard });
        command.Parameters.Add(new() { Value = owner });
        command.Parameters.Add(new() { Value = atMost });
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Keeps the shard ours until the session's end, or finds that it is not.</summary>
    public static async Task HoldAsync(NpgsqlConnection connection, string shard, long token, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select from es_shard where name = $1 and token = $2 for share", connection)
        {
            Parameters =
            {
                new() { Value = shard },
                new() { Value = token },
            },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
            throw new ShardLostException(shard);
    }

    /// <summary>Gives everything back, so that another host need not wait for the lease to end.</summary>
    public async Task ReleaseAsync(string owner, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("update es_shard set owner = null, leased_until = null where owner = $1");
        command.Parameters.Add(new() { Value = owner });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public async Task<ShardState> ReadAsync(string shard, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(
            """
            with started as (
                insert into mt_event_progression (name, last_seq_id) values ($1, 0) on conflict on constraint pk_mt_event_progression do nothing
            )
            select s.state, coalesce(p.last_seq_id, 0), s.skip_sequence, s.skip_error from es_shard s left join mt_event_progression p on p.name = s.name where s.name = $1
            """
        );
        command.Parameters.Add(new() { Value = shard });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new ShardState(
                reader.GetString(0),
                reader.GetInt64(1),
                reader.IsDBNull(2) ? null : reader.GetInt64(2),
                reader.IsDBNull(3) ? null : reader.GetString(3)
            )
            : throw new ShardLostException(shard);
    }

    /// <summary>
    /// Begins a page inside a session, if the shard is still ours: before it touches a table of the projection, so that a swap of those tables waits for it, or it for
    /// the swap. Renewals of the lease go on meanwhile.
    /// </summary>
    public static async Task EnterAsync(NpgsqlConnection connection, string shard, long token, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select 1 from es_shard where name = $1 and token = $2 for key share", connection)
        {
            Parameters =
            {
                new() { Value = shard },
                new() { Value = token },
            },
        };
        if (await command.ExecuteScalarAsync(cancellationToken) is null)
            throw new ShardLostException(shard);
    }

    /// <summary>Moves the progress inside a session, if the shard is still ours and stands where we think.</summary>
    public static async Task MoveAsync(
        NpgsqlConnection connection,
        string shard,
        long token,
        long from,
        long to,
        CancellationToken cancellationToken
    )
    {
        // The share lock keeps a new owner from rising until we have committed.
        await using var command = new NpgsqlCommand(
            """
            with fence as (select 1 from es_shard where name = $1 and token = $2 for share)
            update mt_event_progression set last_seq_id = $4, last_updated = transaction_timestamp()
            where name = $1 and last_seq_id = $3 and exists (select from fence)
            """,
            connection
        )
        {
            Parameters =
            {
                new() { Value = shard },
                new() { Value = token },
                new() { Value = from },
                new() { Value = to },
            },
        };
        if (await command.ExecuteNonQueryAsync(cancellationToken) != 1)
            throw new ShardLostException(shard);
    }

    /// <summary>The event that was to be stepped over is behind; the next one that stops the shard is another matter.</summary>
    public static async Task SkippedAsync(NpgsqlConnection connection, string shard, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "update es_shard set skip_sequence = null, skip_error = null where name = $1",
            connection
        )
        {
            Parameters = { new() { Value = shard } },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    // It stands in a table that people read; the log has all of it.
    public static string OneLine(Exception error)
    {
        var said = $"{error.GetType().Name}: {error.Message}";
        return
            string.Join(' ', said.Split((char[])['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
                is { Length: <= 500 } line
            ? line
            : said[..500];
    }

    /// <summary>Whether the shard is still run under this token.</summary>
    public async Task<bool> IsHeldAsync(string shard, long token, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("select exists (select from es_shard where name = $1 and token = $2)");
        command.Parameters.Add(new() { Value = shard });
        command.Parameters.Add(new() { Value = token });
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    /// <summary>Stops the shard, if it is still ours.</summary>
    public async Task StopAsync(string shard, long token, RecordedEvent poison, Exception error, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(
            """
            update es_shard set state = 'stopped', error_sequence = $3, error_type = $4, error = $5, changed_at = now() where name = $1 and token = $2
            """
        );
        command.Parameters.Add(new() { Value = shard });
        command.Parameters.Add(new() { Value = token });
        command.Parameters.Add(new() { Value = poison.Sequence });
        command.Parameters.Add(new() { Value = poison.Type });
        command.Parameters.Add(new() { Value = OneLine(error) });
        if (await command.ExecuteNonQueryAsync(cancellationToken) != 1)
            throw new ShardLostException(shard);
    }
}

/// <param name="State"><c>running</c>, <c>paused</c> or <c>stopped</c>.</param>
internal sealed record ShardState(string State, long Progress, long? SkipSequence, string? SkipError);
