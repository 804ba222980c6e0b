using System.Runtime.CompilerServices;

namespace TrackAi.EventStore;

/// <summary>What a handler decides about an event now, beside what it decided when it happened.</summary>
/// <param name="Decided">The events it would append.</param>
/// <param name="Recorded">The events in the same streams that name this one as their cause.</param>
public sealed record Replayed(RecordedEvent Event, string Handler, IReadOnlyList<object> Decided, IReadOnlyList<RecordedEvent> Recorded)
{
    /// <summary>Why the handler decides nothing: an event that cannot be read, this one or another that it goes by.</summary>
    public string? Unreadable { get; init; }
}

/// <summary>
/// Runs events through the handlers again, each seeing the log as it was at that event, in transactions that are rolled back: nothing is written,
/// nothing is sent.
/// </summary>
public sealed class Replayer(PostgresEventStore store, IEnumerable<ISubscription> subscriptions, EventSerializer serializer)
{
    /// <param name="events">The events to replay, in order.</param>
    /// <param name="turnClock">Is told the time of each event before it is handled, so that a decision can be made as of then.</param>
    public async IAsyncEnumerable<Replayed> ReplayAsync(
        IAsyncEnumerable<RecordedEvent> events,
        Action<DateTimeOffset> turnClock,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        var handlers = subscriptions
            .Select(subscription =>
                (
                    subscription,
                    Types: subscription.EventTypes.Select(type => serializer.NameOf(type).Alias).ToHashSet(StringComparer.Ordinal)
                )
            )
            .ToArray();
        await foreach (var recorded in events.WithCancellation(cancellationToken))
        {
            turnClock(recorded.Timestamp);
            foreach (var (subscription, _) in handlers.Where(handler => handler.Types.Contains(recorded.Type)))
            {
                await using var session = await store.OpenSessionAsync(recorded.Sequence, cancellationToken);
                var unreadable = await TryHandleAsync(subscription, recorded, session, cancellationToken);
                if (unreadable is not null)
                {
                    yield return new Replayed(recorded, subscription.Name, [], []) { Unreadable = unreadable };
                    continue;
                }

                var decided = session.Queued.SelectMany(append => append.Events).ToArray();
                var streams = await store.ReadStreamsAsync(
                    [.. session.Queued.Select(append => append.Stream).Append(recorded.Stream)],
                    cancellationToken
                );
                yield return new Replayed(
                    recorded,
                    subscription.Name,
                    decided,
                    [.. streams.SelectMany(stream => stream).Where(later => later.CausationId == $"{recorded.Id}")]
                );
            }
        }
    }

    private static async Task<string?> TryHandleAsync(
        ISubscription subscription,
        RecordedEvent recorded,
        EventSession session,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await subscription.HandleAsync([recorded], session, cancellationToken);
            return null;
        }
        catch (UnreadableEventException exception)
        {
            return exception.Message;
        }
    }
}
