using Npgsql;
using TrackAi.EventStore;

namespace TrackAi.Privacy;

/// <summary>The wrapped keys of streams, in a table outside the log. Read afresh each time: an erasure must hold from the moment it is committed.</summary>
internal sealed class StreamKeys(NpgsqlDataSource database, TimeProvider time)
{
    /// <summary>What is known of the key of one stream.</summary>
    public abstract record State
    {
        private State() { }

        public sealed record Missing : State;

        public sealed record Destroyed : State;

        public sealed record Present(byte[] WrappedKey) : State;
    }

    public async Task<State> FindAsync(StreamId stream, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select wrapped_key
            from stream_key
            where tenant_id = $1 and stream_id = $2
            """
        );
        command.Parameters.Add(new() { Value = stream.TenantId });
        command.Parameters.Add(new() { Value = stream.Id });
        return await command.ExecuteScalarAsync(cancellationToken) switch
        {
            byte[] wrapped => new State.Present(wrapped),
            null => new State.Missing(),
            _ => new State.Destroyed(),
        };
    }

    /// <summary>The wrapped keys in the order asked for; null where there is none, or none any more. One round trip, however many.</summary>
    public async Task<byte[]?[]> LoadAsync(IReadOnlyList<StreamId> streams, CancellationToken cancellationToken)
    {
        var keys = new byte[]?[streams.Count];
        if (keys.Length == 0)
            return keys;

        await using var command = database.CreateCommand(
            """
            select wanted.ordinal, stream_key.wrapped_key
            from unnest($1::varchar[], $2::varchar[]) with ordinality as wanted(tenant_id, stream_id, ordinal)
            join stream_key using (tenant_id, stream_id)
            where stream_key.wrapped_key is not null
            """
        );
        AddStreams(command, streams);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
            keys[rows.GetInt64(0) - 1] = rows.GetFieldValue<byte[]>(1);
        return keys;
    }

    /// <summary>
    /// Destroys the keys of these streams for good, as part of the caller's transaction. A tombstone stays, also for a stream that had no key
    /// yet, so that a delivery that is under way cannot give it one.
    /// </summary>
    /// <returns>How many keys there were to destroy.</returns>
    public async Task<int> DestroyAsync(NpgsqlConnection connection, IReadOnlyList<StreamId> streams, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            with tombstone as (
                insert into stream_key (tenant_id, stream_id, wrapped_key, destroyed_at)
                select distinct tenant_id, stream_id, null::bytea, $3::timestamptz
                from unnest($1::varchar[], $2::varchar[]) as erased(tenant_id, stream_id)
                order by tenant_id, stream_id
                on conflict (tenant_id, stream_id) do update
                set wrapped_key = null, destroyed_at = excluded.destroyed_at
                where stream_key.wrapped_key is not null
                returning xmax <> 0 as had_key
            )
            select count(*) filter (where had_key)::int
            from tombstone
            """,
            connection
        );
        AddStreams(command, streams);
        command.Parameters.Add(new() { Value = time.GetUtcNow() });
        return (int)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static void AddStreams(NpgsqlCommand command, IReadOnlyList<StreamId> streams)
    {
        command.Parameters.Add(new() { Value = streams.Select(stream => stream.TenantId).ToArray() });
        command.Parameters.Add(new() { Value = streams.Select(stream => stream.Id).ToArray() });
    }
}
