using System.Text.Json;
using System.Text.Json.Nodes;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Privacy.People;

/// <inheritdoc/>
internal sealed class PersonRequests(
    FindPerson find,
    PersonIndex index,
    StreamKeys keys,
    PostgresEventStore store,
    ProjectionProgress progress,
    IEnumerable<IHoldPersonalData> holders,
    Ids ids,
    TimeProvider time
) : IPersonRequests
{
    // More arrives while a person is being erased only if they are on the page that moment.
    private const int MostRounds = 5;
    private const int StreamsAtOnce = 500;

    /// <summary>How long an erasure waits for what is at work.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    public async Task<PersonExport> ExportAsync(PersonRequest request, CancellationToken cancellationToken = default)
    {
        var found = await find.FindAsync(request, cancellationToken);
        return new PersonExport(
            request.TenantId,
            time.GetUtcNow(),
            AskedBy(request),
            [
                .. found
                    .Streams.SelectMany(stream => stream.Events.Select(recorded => Exported(stream, recorded)))
                    .OrderBy(one => one.Sequence)
                    .Select(one => one.Event),
            ],
            await HeldAsync(found.Traces, cancellationToken)
        );
    }

    public async Task<ErasureCertificate> EraseAsync(PersonRequest request, bool dryRun, CancellationToken cancellationToken = default)
    {
        var found = await find.FindAsync(request, cancellationToken);
        if (dryRun || found.Streams.Count == 0)
            return Certificate(null, request, dryRun, found, await CountAsync(found, dryRun, cancellationToken), []);

        var id = ids.New();
        var swept = new SortedDictionary<string, long>(StringComparer.Ordinal);
        var streams = new Dictionary<string, FoundStream>(StringComparer.Ordinal);
        IReadOnlyList<string> passed = [];
        for (var round = 1; round <= MostRounds && found.Streams.Any(stream => !streams.ContainsKey(stream.Id.Id)); round++)
        {
            foreach (var stream in found.Streams)
                streams.TryAdd(stream.Id.Id, stream);
            Add(swept, "stream_key", await DestroyKeysAsync(found, cancellationToken));
            await RecordAsync(found, id, cancellationToken);
            await SweepAsync(found.Traces, swept, cancellationToken);
            passed = await WaitForHandlersAsync(await store.ReadHighWaterMarkAsync(cancellationToken), cancellationToken);
            // Who had opened a part just before its key went has written by now.
            await SweepAsync(found.Traces, swept, cancellationToken);
            Add(swept, "person_stream", await index.DeleteAsync(request.TenantId, [.. found.Traces.Streams], cancellationToken));
            found = await find.FindAsync(request with { Orders = [] }, cancellationToken);
        }

        var certificate = Certificate(id, request, false, found with { Streams = [.. streams.Values] }, swept, passed);
        await store.AppendAsync(
            new Append(
                new StreamId(request.TenantId, Streams.Erasure(id)),
                [
                    new PersonErased(
                        id,
                        certificate.AskedBy,
                        certificate.Streams.Count,
                        [.. swept.Select(table => new SweptTable(table.Key, table.Value))],
                        certificate.At
                    ),
                ]
            )
            {
                ExpectedVersion = 0,
                StreamType = "erasure",
            },
            cancellationToken
        );
        return certificate;
    }

    private ErasureCertificate Certificate(
        Guid? id,
        PersonRequest request,
        bool dryRun,
        FoundPerson found,
        IReadOnlyDictionary<string, long> swept,
        IReadOnlyList<string> passed
    ) =>
        new(
            id,
            request.TenantId,
            time.GetUtcNow(),
            dryRun,
            AskedBy(request),
            [
                .. found
                    .Streams.Select(stream => new ErasedStream(stream.Id.Id, stream.FoundBy))
                    .OrderBy(stream => stream.Stream, StringComparer.Ordinal),
            ],
            swept,
            passed,
            found.SharedStreams
        );

    private async Task<long> DestroyKeysAsync(FoundPerson found, CancellationToken cancellationToken)
    {
        var destroyed = 0L;
        foreach (var chunk in found.Streams.OrderBy(stream => stream.Id.Id, StringComparer.Ordinal).Chunk(StreamsAtOnce))
        {
            await using var session = await store.OpenSessionAsync(cancellationToken);
            destroyed += await keys.DestroyAsync(session.Connection, [.. chunk.Select(stream => stream.Id)], cancellationToken);
            await session.CommitAsync(cancellationToken);
        }

        return destroyed;
    }

    // After the keys, in a transaction of its own: an append holds a stream and waits for its key, and must not find us the other way round.
    private async Task RecordAsync(FoundPerson found, Guid id, CancellationToken cancellationToken)
    {
        var erased = new PersonalDataErased(id, time.GetUtcNow());
        foreach (var chunk in found.Streams.Where(stream => stream.ErasedBy is null).Chunk(StreamsAtOnce))
        {
            await using var session = await store.OpenSessionAsync(cancellationToken);
            foreach (var stream in chunk)
                session.Append(new Append(stream.Id, [erased]) { UnlessArchived = true });
            await session.CommitAsync(cancellationToken);
        }
    }

    private async Task SweepAsync(PersonTraces traces, SortedDictionary<string, long> swept, CancellationToken cancellationToken)
    {
        foreach (var holder in holders)
        foreach (var (table, rows) in await holder.EraseAsync(traces, cancellationToken))
            Add(swept, table, rows);
    }

    private async Task<IReadOnlyDictionary<string, long>> CountAsync(FoundPerson found, bool dryRun, CancellationToken cancellationToken)
    {
        var counted = new SortedDictionary<string, long>(StringComparer.Ordinal);
        if (!dryRun)
            return counted;
        Add(counted, "stream_key", found.Streams.Count(stream => stream.ErasedBy is null));
        Add(counted, "person_stream", found.Streams.Count(stream => stream.People.Count > 0));
        foreach (var held in await HeldAsync(found.Traces, cancellationToken))
            Add(counted, held.Table, 1);
        return counted;
    }

    private async Task<IReadOnlyList<HeldRecord>> HeldAsync(PersonTraces traces, CancellationToken cancellationToken)
    {
        var held = new List<HeldRecord>();
        foreach (var holder in holders)
            held.AddRange(await holder.ExportAsync(traces, cancellationToken));
        return held;
    }

    /// <returns>Who was at work and is past the position. Who does not run has nothing in hand, and will find the keys gone.</returns>
    private async Task<IReadOnlyList<string>> WaitForHandlersAsync(long position, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            var running = (await progress.ReadAsync(cancellationToken))
                .Where(shard => shard is { Owner: not null, State: "running" })
                .ToArray();
            var behind = running.Where(shard => shard.Progress < position).Select(shard => shard.Name).ToArray();
            if (behind.Length == 0)
                return [.. running.Select(shard => shard.Name)];
            if (time.GetElapsedTime(started) > Patience)
                throw new PersonRequestRefusedException(
                    $"The keys are destroyed, but {string.Join(", ", behind)} is not past the person's events after {Patience}. Give the same command again once 'projections status' shows that it is."
                );
            await Task.Delay(Pause, time, cancellationToken);
        }
    }

    private static (long Sequence, ExportedEvent Event) Exported(FoundStream stream, RecordedEvent recorded)
    {
        var facts = JsonNode.Parse(recorded.Json.Span)!.AsObject();
        facts.Remove("protected");
        var (heading, pt) = Headings.Of(recorded.Type);
        var person = PersonalEvents.ProtectedPartOf(recorded.Data) is { } part ? stream.People.GetValueOrDefault(part) : null;
        return (
            recorded.Sequence,
            new ExportedEvent(heading, pt, recorded.Stream.Id, stream.FoundBy, recorded.Timestamp, facts.Deserialize<JsonElement>(), person)
        );
    }

    private static IReadOnlyList<string> AskedBy(PersonRequest request) =>
        [
            .. new[] { ("email", request.Emails), ("phone", request.Phones), ("order", request.Orders) }
                .Where(one => one.Item2.Count > 0)
                .Select(one => one.Item1),
        ];

    private static void Add(SortedDictionary<string, long> swept, string table, long rows) =>
        swept[table] = swept.GetValueOrDefault(table) + rows;
}
