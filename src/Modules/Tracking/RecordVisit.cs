using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Tracking;

/// <summary>Starts the stream of a visit that gets its id here: the visitor sealed under the stream's own key.</summary>
internal sealed class RecordVisit(PostgresEventStore store, IPersonalData people, Ids ids)
{
    /// <param name="kind">The stream's type: <c>pageview</c> or <c>checkout</c>.</param>
    /// <param name="minted">The browser's own id; sent again it changes nothing.</param>
    /// <param name="fact">The event, given the id and the visitor's protected part.</param>
    public async Task<string> HandleAsync(
        string tenant,
        string kind,
        Func<Guid, string> streamName,
        Guid? minted,
        Person visitor,
        Func<Guid, string, object> fact,
        CancellationToken cancellationToken
    )
    {
        var id = minted ?? ids.New();
        var stream = new StreamId(tenant, streamName(id));
        var person = people.SealNew(tenant, stream.Id, visitor);
        await store.AppendAsync(
            new Append(stream, [fact(id, person.Protected)])
            {
                ExpectedVersion = 0,
                StreamType = kind,
                SideEffects = [person.Key!],
            },
            cancellationToken
        );
        return id.ToString();
    }
}
