using Npgsql;

namespace TrackAi.EventStore;

/// <summary>
/// A projection of a few members of its events. Where many events lie ahead, in a rebuild or after a long stand-still, Postgres picks those members
/// out of the JSON and pages are large: several times as fast as reading events whole. Near the end of the log the same members are taken from
/// the events that all shards share.
/// </summary>
/// <typeparam name="TFact">What the projection makes of an event as it is read.</typeparam>
public abstract class MemberProjection<TFact> : IProjection, IMemberProjection
{
    private readonly Dictionary<string, Func<EventMembers, TFact>> readers = new(StringComparer.Ordinal);
    private readonly List<Type> types = [];

    /// <inheritdoc cref="IProjection.Name"/>
    public abstract string Name { get; }

    /// <inheritdoc cref="IProjection.Version"/>
    public virtual int Version => 1;

    /// <inheritdoc cref="IProjection.Tables"/>
    public abstract IReadOnlyList<string> Tables { get; }

    public IReadOnlyCollection<Type> EventTypes => types;

    /// <summary>All members that any of its events is asked for.</summary>
    protected abstract EventMemberSet Members { get; }

    /// <summary>Says how an event of a type is read; called from the constructor.</summary>
    protected void On<TEvent>(Func<EventMembers, TFact> read)
    {
        types.Add(typeof(TEvent));
        readers.Add(EventSerializer.AliasOf(typeof(TEvent)), read);
    }

    /// <summary>Applies facts in the order of their events, set-based and by unqualified table names.</summary>
    protected abstract Task ApplyAsync(IReadOnlyList<TFact> facts, NpgsqlConnection connection, CancellationToken cancellationToken);

    Task IProjection.ApplyAsync(IReadOnlyList<RecordedEvent> events, NpgsqlConnection connection, CancellationToken cancellationToken) =>
        ApplyAsync([.. events.Select(recorded => Read(Members.Of(recorded)))], connection, cancellationToken);

    EventMemberSet IMemberProjection.Members => Members;

    async Task<Func<NpgsqlConnection, CancellationToken, Task<long>>> IMemberProjection.ReadAsync(
        NpgsqlDataReader rows,
        CancellationToken cancellationToken
    )
    {
        var facts = new List<TFact>();
        var row = new EventMemberRow(rows);
        while (await rows.ReadAsync(cancellationToken))
            facts.Add(Read(row));
        return async (connection, token) =>
        {
            if (facts.Count > 0)
                await ApplyAsync(facts, connection, token);
            return facts.Count;
        };
    }

    private TFact Read(EventMembers members) =>
        readers.TryGetValue(members.Type, out var read)
            ? read(members)
            : throw new UnreadableEventException($"{Name} asked for no event of type '{members.Type}'.");
}

/// <summary>What the daemon and the rebuild see of a <see cref="MemberProjection{TFact}"/>.</summary>
internal interface IMemberProjection
{
    EventMemberSet Members { get; }

    /// <summary>Reads the rows; what it returns applies them and says how many they were.</summary>
    Task<Func<NpgsqlConnection, CancellationToken, Task<long>>> ReadAsync(NpgsqlDataReader rows, CancellationToken cancellationToken);
}
