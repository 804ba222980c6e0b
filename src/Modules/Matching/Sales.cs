using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Matching;

/// <summary>The sales that a page is about, read from their streams and opened, each once.</summary>
internal sealed class Sales(
    IPersonalData people,
    OpenPeople open,
    Func<IReadOnlyCollection<StreamId>, CancellationToken, Task<ILookup<StreamId, RecordedEvent>>> read
)
{
    private readonly Dictionary<long, Opened> opened = [];
    private readonly Dictionary<StreamId, IReadOnlyList<RecordedEvent>> streams = [];

    /// <summary>Opens what a page tells, and the sales that its later deliveries are about.</summary>
    public async Task OpenAsync(IReadOnlyList<RecordedEvent> telling, CancellationToken cancellationToken)
    {
        await ReadStreamsAsync(
            [.. telling.Where(Evidence.IsOfKnownSale).Select(recorded => recorded.Stream).Distinct()],
            cancellationToken
        );
        await OpenPartsAsync(telling.Concat(streams.Values.SelectMany(stream => stream)), cancellationToken);
    }

    /// <summary>Reads and opens sales that are not known yet.</summary>
    public async Task ReadAsync(IReadOnlyCollection<StreamId> sales, CancellationToken cancellationToken)
    {
        StreamId[] unknown = [.. sales.Where(sale => !streams.ContainsKey(sale))];
        await ReadStreamsAsync(unknown, cancellationToken);
        await OpenPartsAsync(unknown.SelectMany(sale => streams[sale]), cancellationToken);
    }

    public Opened this[RecordedEvent recorded] => opened[recorded.Sequence];

    /// <summary>A sale as it was known at a position; null where it was not.</summary>
    public SaleSeen? AsOf(StreamId stream, long position) => Fold(stream, position)?.Sale;

    /// <summary>A sale as a delivery of it left it, and whether that taught something of the buyer.</summary>
    public (SaleSeen Sale, bool IsTaught)? Fold(StreamId stream, long position)
    {
        SaleSeen? sale = null;
        var isTaught = false;
        foreach (var recorded in streams[stream].Where(recorded => recorded.Sequence <= position))
        {
            if (recorded.Data is ConversionReceived)
                sale = new SaleSeen(people, recorded, this[recorded]);
            else
                isTaught = sale?.Add(people, recorded, this[recorded]) == true && recorded.Sequence == position;
        }

        return sale is null ? null : (sale, isTaught);
    }

    private async Task ReadStreamsAsync(StreamId[] wanted, CancellationToken cancellationToken)
    {
        if (wanted.Length == 0)
            return;
        var found = await read(wanted, cancellationToken);
        foreach (var stream in wanted)
            streams[stream] = [.. found[stream].Where(Evidence.IsOfSale)];
    }

    private async Task OpenPartsAsync(IEnumerable<RecordedEvent> events, CancellationToken cancellationToken)
    {
        var closed = events.DistinctBy(recorded => recorded.Sequence).Where(recorded => !opened.ContainsKey(recorded.Sequence)).ToArray();
        var parts = closed.Select(recorded => (recorded.Sequence, Part: Evidence.PartOf(recorded))).ToArray();
        foreach (var (sequence, _) in parts.Where(one => one.Part is null))
            opened[sequence] = default;
        var personal = parts.Where(one => one.Part is not null).ToArray();
        var results = await open.OpenAsync([.. personal.Select(one => one.Part!)], cancellationToken);
        for (var index = 0; index < personal.Length; index++)
            opened[personal[index].Sequence] = results[index];
    }
}
