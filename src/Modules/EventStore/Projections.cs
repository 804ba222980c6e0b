using Npgsql;

namespace TrackAi.EventStore;

/// <summary>
/// A read model built from the log by the daemon (Marten: an async projection). It gets its events in order, in pages; its rows and its progress
/// commit together, so each event counts exactly once. It writes set-based and by unqualified table names: a rebuild runs it against other tables.
/// </summary>
public interface IProjection
{
    /// <summary>Names its shard, <c>{Name}:All</c>, and is what the command line calls it. Never renamed.</summary>
    string Name { get; }

    /// <summary>
    /// Raised with each change of what it makes of the same log. Hosts that find their read model built by a lower one rebuild it while they run.
    /// </summary>
    int Version => 1;

    IReadOnlyCollection<Type> EventTypes { get; }

    /// <summary>The tables it owns, unqualified.</summary>
    IReadOnlyList<string> Tables { get; }

    /// <summary>How long it may rest between pages while events come without end: fewer and larger transactions leave the machine to what is in a hurry.</summary>
    TimeSpan LongestRest => TimeSpan.FromMilliseconds(200);

    Task ApplyAsync(IReadOnlyList<RecordedEvent> events, NpgsqlConnection connection, CancellationToken cancellationToken);
}

/// <summary>
/// Reacts to events: whatever it writes and appends commits together with its progress, so it reacts exactly once. It calls nothing outside Postgres.
/// </summary>
public interface ISubscription
{
    /// <inheritdoc cref="IProjection.Name"/>
    string Name { get; }

    IReadOnlyCollection<Type> EventTypes { get; }

    /// <inheritdoc cref="IProjection.LongestRest"/>
    TimeSpan LongestRest => TimeSpan.Zero;

    Task HandleAsync(IReadOnlyList<RecordedEvent> events, EventSession session, CancellationToken cancellationToken);

    /// <summary>
    /// Handles an event that was stepped over by command, now that everything up to where the subscription stands has been handled without it. What was decided
    /// meanwhile must not be decided again.
    /// </summary>
    Task HandleSkippedAsync(RecordedEvent skipped, EventSession session, CancellationToken cancellationToken) =>
        HandleAsync([skipped], session, cancellationToken);
}
