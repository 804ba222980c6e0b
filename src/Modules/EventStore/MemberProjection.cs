using Npgsql;

namespace TrackAi.EventStore;

/// <summary>
/// A projection of a few members of its events. Where many events lie ahead, in a rebuild or after a long stand-still, Postgres picks those members
/// out of the JSON and pages are large: several times as fast as reading events whole. Near the end of the log the same members are taken from
/// the events that all shards share.
/// </summary>
/// <typeparam name="TFact">What the projection makes of an event as it is read.</typeparam>
public abstract class MemberProjection<TFact>(EventFacts<TFact> reader) : IProjection, IMemberProjection
{
    /// <inheritdoc cref="IProjection.Name"/>
    public abstract string Name { get; }

    /// <inheritdoc cref="IProjection.Version"/>
    public virtual int Version => 1;

    /// <inheritdoc cref="IProjection.Tables"/>
    public abstract IReadOnlyList<string> Tables { get; }

    public IReadOnlyCollection<Type> EventTypes => reader.EventTypes;

    /// <summary>Applies facts in the order of their events, set-based and by unqualified table names.</summary>
    protected abstract Task ApplyAsync(IReadOnlyList<TFact> facts, NpgsqlConnection connection, CancellationToken cancellationToken);

    Task IProjection.ApplyAsync(IReadOnlyList<RecordedEvent> events, NpgsqlConnection connection, CancellationToken cancellationToken) =>
        ApplyAsync([.. events.Select(reader.Of)], connection, cancellationToken);

    async Task<Func<NpgsqlConnection, CancellationToken, Task<long>>> IMemberProjection.ReadAsync(
        LogRange range,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        var facts = new List<TFact>();
        await foreach (var one in reader.ReadAsync(range, connection, cancellationToken))
            facts.Add(one.Fact);
        return async (write, token) =>
        {
            if (facts.Count > 0)
                await ApplyAsync(facts, write, token);
            return facts.Count;
        };
    }
}

/// <summary>What the daemon and the rebuild see of a <see cref="MemberProjection{TFact}"/>.</summary>
internal interface IMemberProjection
{
    /// <summary>Reads a stretch of the log; what it returns applies it and says how many events it has.</summary>
    Task<Func<NpgsqlConnection, CancellationToken, Task<long>>> ReadAsync(
        LogRange range,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    );
}
