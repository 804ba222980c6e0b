using Npgsql;
using TrackAi.EventStore.Reading;
using TrackAi.EventStore.Running;

namespace TrackAi.EventStore;

/// <summary>
/// Finds the event that a rebuild failed at: what failed is applied again, in halves until one event is left, in a transaction that is rolled back.
/// </summary>
internal sealed class FailingEvent(NpgsqlDataSource dataSource, EventReader reader)
{
    private const int PageSize = 5000;
    private const string Before = "before_it";

    /// <param name="schema">The rebuild's, with everything up to <paramref name="after"/> applied.</param>
    /// <returns>The first one and its error; null when everything can be applied now.</returns>
    public async Task<(RecordedEvent Event, Exception Error)?> FindAsync(
        IProjection projection,
        string schema,
        IReadOnlyCollection<string> types,
        long after,
        long upTo,
        CancellationToken cancellationToken
    )
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using (var set = new NpgsqlCommand($"set local search_path = {schema}", connection))
            await set.ExecuteNonQueryAsync(cancellationToken);
        while (after < upTo)
        {
            var page = await reader.ReadRangeAsync(after, upTo, PageSize, types, cancellationToken);
            if (await FindAsync(projection, [.. page.Events], transaction, cancellationToken) is { } found)
                return found;
            after = page.Ceiling;
        }

        return null;
    }

    // What can be applied stays applied: what comes after it may build on it.
    private static async Task<(RecordedEvent Event, Exception Error)?> FindAsync(
        IProjection projection,
        RecordedEvent[] events,
        NpgsqlTransaction transaction,
        CancellationToken cancellationToken
    )
    {
        if (events.Length == 0)
            return null;
        await transaction.SaveAsync(Before, cancellationToken);
        try
        {
            await projection.ApplyAsync(events, transaction.Connection!, cancellationToken);
            return null;
        }
        catch (Exception exception) when (Faults.AreOfTheCode(exception))
        {
            await transaction.RollbackAsync(Before, cancellationToken);
            if (events is [var one])
                return (one, exception);
        }

        var half = events.Length / 2;
        return await FindAsync(projection, events[..half], transaction, cancellationToken)
            ?? await FindAsync(projection, events[half..], transaction, cancellationToken);
    }
}
