using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace TrackAi.EventStore.Running;

/// <summary>Events that were stepped over by command, in Marten's document table.</summary>
internal static class DeadLetters
{
    /// <summary>The positions of those of one projection.</summary>
    public static async Task<IReadOnlyList<long>> ReadAsync(
        NpgsqlConnection connection,
        string projection,
        CancellationToken cancellationToken
    )
    {
        await using var select = new NpgsqlCommand(
            "select array(select (data ->> 'EventSequence')::bigint from public.mt_doc_deadletterevent where data ->> 'ProjectionName' = $1)",
            connection
        )
        {
            Parameters = { new() { Value = projection } },
        };
        return (long[])(await select.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>A rebuild applied them.</summary>
    public static async Task ForgetAsync(NpgsqlConnection connection, string projection, CancellationToken cancellationToken)
    {
        await using var delete = new NpgsqlCommand(
            "delete from public.mt_doc_deadletterevent where data ->> 'ProjectionName' = $1",
            connection
        )
        {
            Parameters = { new() { Value = projection } },
        };
        await delete.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>One was handled after all; false when it was none.</summary>
    public static async Task<bool> EndAsync(
        NpgsqlConnection connection,
        string subscription,
        long sequence,
        CancellationToken cancellationToken
    )
    {
        await using var delete = new NpgsqlCommand(
            "delete from public.mt_doc_deadletterevent where data ->> 'ProjectionName' = $1 and (data ->> 'EventSequence')::bigint = $2",
            connection
        )
        {
            Parameters =
            {
                new() { Value = subscription },
                new() { Value = sequence },
            },
        };
        return await delete.ExecuteNonQueryAsync(cancellationToken) > 0;
    }

    public static async Task WriteAsync(
        NpgsqlConnection connection,
        string shard,
        RecordedEvent skipped,
        string? error,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        var id = Guid.CreateVersion7(time.GetUtcNow());
        var document = new
        {
            Id = id,
            ProjectionName = shard.Split(':')[0],
            ShardName = "All",
            Timestamp = time.GetUtcNow(),
            ExceptionMessage = error ?? "Skipped by command.",
            ExceptionType = error?.Split(':')[0] ?? "",
            EventSequence = skipped.Sequence,
            skipped.TenantId,
        };
        await using var insert = new NpgsqlCommand(
            "insert into mt_doc_deadletterevent (id, data, mt_dotnet_type) values ($1, $2, $3)",
            connection
        )
        {
            Parameters =
            {
                new() { Value = id },
                new() { Value = JsonSerializer.SerializeToUtf8Bytes(document), NpgsqlDbType = NpgsqlDbType.Jsonb },
                new() { Value = "JasperFx.Events.Daemon.DeadLetterEvent" },
            },
        };
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }
}
