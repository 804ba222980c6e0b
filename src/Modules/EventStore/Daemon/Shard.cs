namespace TrackAi.EventStore.Running;

/// <summary>A projection or a subscription, as the daemon runs it.</summary>
/// <param name="ByMembers">The projection, if it can be given large pages of members.</param>
internal sealed record Shard(
    string Name,
    IReadOnlySet<string> Types,
    Func<IReadOnlyList<RecordedEvent>, EventSession, CancellationToken, Task> ApplyAsync,
    IProjection? ByMembers = null
)
{
    public static Shard Of(IProjection projection, EventSerializer serializer) =>
        new(
            NameOf(projection.Name),
            Aliases(projection.EventTypes, serializer),
            (events, session, cancellationToken) => projection.ApplyAsync(events, session.Connection, cancellationToken),
            projection is IMemberProjection ? projection : null
        );

    public static Shard Of(ISubscription subscription, EventSerializer serializer) =>
        new(NameOf(subscription.Name), Aliases(subscription.EventTypes, serializer), subscription.HandleAsync);

    /// <summary>Marten's shard identity.</summary>
    public static string NameOf(string name) => $"{name}:All";

    private static HashSet<string> Aliases(IReadOnlyCollection<Type> types, EventSerializer serializer) =>
        types.Select(type => serializer.NameOf(type).Alias).ToHashSet(StringComparer.Ordinal);
}
