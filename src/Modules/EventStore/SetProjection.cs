using Npgsql;

namespace TrackAi.EventStore;

/// <summary>A stretch of the log: everything after a position up to another, all of it final.</summary>
/// <param name="Skipped">Events that were stepped over by command: they are not in it, nor in what came before.</param>
public sealed record LogRange(long After, long UpTo, IReadOnlyList<long> Skipped);

/// <summary>What a stretch of the log changes in a projection's tables.</summary>
/// <param name="Events">How many events it has for the projection.</param>
/// <param name="WriteAsync">Writes the change, by unqualified table names.</param>
public sealed record SetChange(long Events, Func<NpgsqlConnection, CancellationToken, Task> WriteAsync);

/// <summary>
/// A projection whose change by a stretch of the log can be told from the log alone, by <see cref="EventFacts{TFact}"/> or by statements over
/// <see cref="Log"/>, whether the stretch has one event or a hundred thousand: stretches are read while the one before is written. Changes are written in order.
/// </summary>
public interface ISetProjection : IProjection
{
    /// <summary>The log's table, Marten's <c>mt_events</c>, as a statement names it whatever its search path.</summary>
    const string Log = "public.mt_events";

    /// <summary>Reads nothing but the log.</summary>
    Task<SetChange> ReadAsync(LogRange range, NpgsqlConnection connection, CancellationToken cancellationToken);

    async Task IProjection.ApplyAsync(IReadOnlyList<RecordedEvent> events, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var change = await ReadAsync(new LogRange(events[0].Sequence - 1, events[^1].Sequence, []), connection, cancellationToken);
        await change.WriteAsync(connection, cancellationToken);
    }
}
