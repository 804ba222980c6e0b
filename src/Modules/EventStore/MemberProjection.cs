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

    EventMemberSet IMemberProjection.Members => reader.Members;

    async Task<Func<NpgsqlConnection, CancellationToken, Task<long>>> IMemberProjection.ReadAsync(
        NpgsqlDataReader rows,
        CancellationToken cancellationToken
    )
    {
        var facts = new List<TFact>();
        var row = new EventMemberRow(rows);
        while (await row.ReadAsync(cancellationToken))
            facts.Add(reader.Of(row));
        return async (connection, token) =>
        {
            if (facts.Count > 0)
                await ApplyAsync(facts, connection, token);
            return facts.Count;
        };
    }
}

/// <summary>What the daemon and the rebuild see of a <see cref="MemberProjection{TFact}"/>.</summary>
internal interface IMemberProjection
{
    EventMemberSet Members { get; }

    /// <summary>Reads the rows; what it returns applies them and says how many they were.</summary>
    Task<Func<NpgsqlConnection, CancellationToken, Task<long>>> ReadAsync(NpgsqlDataReader rows, CancellationToken cancellationToken);
}
