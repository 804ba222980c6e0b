using Npgsql;
using TrackAi.Contracts;
using TrackAi.Dispatch.Queue;

namespace TrackAi.Dispatch;

/// <inheritdoc cref="IDispatchHealth"/>
internal sealed class DispatchHealth(PostgresQueue queue, NpgsqlDataSource dataSource, TimeProvider time) : IDispatchHealth
{
    public async Task<QueueDepth> ReadDepthAsync(CancellationToken cancellationToken)
    {
        var depth = await queue.ReadDepthAsync(time.GetUtcNow(), cancellationToken);
        return new QueueDepth(depth.Waiting, depth.Active, depth.Failed);
    }

    public async Task<DispatchCondition> ReadConditionAsync(CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(
            """
            select coalesce(max(circuit) filter (where tenant_id = ''), 'closed'),
                   count(*) filter (where tenant_id <> '' and circuit = 'open'),
                   count(*) filter (where paused_at is not null),
                   count(*) filter (where throttled_until > $1),
                   count(*) filter (where token_alert is not null or pause_reason = 'token')
            from dispatch_pixel
            """
        );
        command.Parameters.Add(new() { Value = time.GetUtcNow() });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new DispatchCondition(reader.GetString(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4));
    }
}
