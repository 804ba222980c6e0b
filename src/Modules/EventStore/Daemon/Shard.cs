using Npgsql;
using TrackAi.EventStore.Reading;

namespace TrackAi.EventStore.Running;

/// <summary>A projection or a subscription, as the daemon runs it.</summary>
/// <param name="InBulk">The projection, if it can be given large pages.</param>
internal sealed record Shard(
    string Name,
    IReadOnlySet<string> Types,
    TimeSpan LongestRest,
    Func<IReadOnlyList<RecordedEvent>, EventSession, CancellationToken, Task> ApplyAsync,
    IProjection? InBulk = null
)
{
    public static Shard Of(IProjection projection, EventSerializer serializer) =>
        new(
            NameOf(projection.Name),
            Aliases(projection.EventTypes, serializer),
            projection.LongestRest,
            (events, session, cancellationToken) => ApplyToAsync(projection, events, session.Connection, cancellationToken),
            BulkReader.CanRead(projection) ? projection : null
        );

    private static async Task ApplyToAsync(
        IProjection projection,
        IReadOnlyList<RecordedEvent> events,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        if (projection is ISetProjection set)
        {
            var skipped = await DeadLetters.ReadAsync(connection, projection.Name, cancellationToken);
            var range = new LogRange(events[0].Sequence - 1, events[^1].Sequence, skipped);
            await (await set.ReadAsync(range, connection, cancellationToken)).WriteAsync(connection, cancellationToken);
        }
        else
        {
            await projection.ApplyAsync(events, connection, cancellationToken);
        }
    }

    public static Shard Of(ISubscription subscription, EventSerializer serializer) =>
        new(NameOf(subscription.Name), Aliases(subscription.EventTypes, serializer), subscription.LongestRest, subscription.HandleAsync);

    /// <summary>Marten's shard identity.</summary>
    public static string NameOf(string name) => $"{name}:All";

    private static HashSet<string> Aliases(IReadOnlyCollection<Type> types, EventSerializer serializer) =>
        types.Select(type => serializer.NameOf(type).Alias).ToHashSet(StringComparer.Ordinal);
}
