using System.Globalization;
using System.Runtime.CompilerServices;
using Npgsql;
using NpgsqlTypes;
using TrackAi.EventStore.Reading;

namespace TrackAi.EventStore;

/// <summary>Where an event stands, and what was made of it.</summary>
/// <param name="Version">In its stream, from 1.</param>
public readonly record struct StreamFact<TFact>(StreamId Stream, long Version, TFact Fact);

/// <summary>Everything a stream has before a version.</summary>
public readonly record struct StreamBefore(StreamId Stream, long Version);

/// <summary>
/// How events are read of which only a few members matter: what is made of an event is told once for each type, and is the same whether Postgres picked
/// the members out of the JSON or the event is in memory.
/// </summary>
public sealed class EventFacts<TFact>
{
    // So many positions are worth a statement that is planned anew, and read as bytes.
    private const int Many = 2000;

    private readonly Dictionary<string, Func<EventMembers, TFact>> readers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, AskedMembers> asked = new(StringComparer.Ordinal);
    private readonly List<Type> types = [];

    public IReadOnlyCollection<Type> EventTypes => types;

    private string[] Aliases => [.. readers.Keys];

    /// <summary>Says how an event of a type is read. The most frequent types come first: that is the order in which Postgres tells them apart.</summary>
    /// <param name="members">What it is asked for; reading anything else throws.</param>
    public EventFacts<TFact> On<TEvent>(IEnumerable<EventMember> members, Func<EventMembers, TFact> read)
    {
        var alias = EventSerializer.AliasOf(typeof(TEvent));
        types.Add(typeof(TEvent));
        readers.Add(alias, read);
        asked.Add(alias, new AskedMembers(members));
        return this;
    }

    /// <summary>Those of a stretch of the log, in its order.</summary>
    public IAsyncEnumerable<StreamFact<TFact>> ReadAsync(
        LogRange range,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    ) =>
        range.UpTo - range.After > Many
            ? CopyAsync(range, connection, cancellationToken)
            : QueryAsync(
                new NpgsqlCommand(SelectRange("$1", "$2", "$3", "$4"), connection)
                {
                    Parameters =
                    {
                        new() { Value = range.After },
                        new() { Value = range.UpTo },
                        Texts(Aliases),
                        Positions(range.Skipped),
                    },
                },
                cancellationToken
            );

    private string SelectRange(string after, string upTo, string aliases, string skipped) =>
        $"""
            select {EventMemberRow.Columns(asked)} from {ISetProjection.Log} e
            where e.seq_id > {after} and e.seq_id <= {upTo} and e.is_archived = false and e.type = any ({aliases}) and e.seq_id <> all ({skipped})
            order by e.seq_id
            """;

    private async IAsyncEnumerable<StreamFact<TFact>> CopyAsync(
        LogRange range,
        NpgsqlConnection connection,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        // COPY takes no parameters. Aliases are names of types, in letters and underscores; the rest are numbers.
        var select = string.Create(
            CultureInfo.InvariantCulture,
            $"{SelectRange($"{range.After}", $"{range.UpTo}", $"array['{string.Join("', '", Aliases)}']", $"array[{string.Join(", ", range.Skipped)}]::bigint[]")}"
        );
        await using var rows = await CopiedRows.OpenAsync(connection, select, EventMemberRow.ColumnCount, cancellationToken);
        var row = new CopiedEventMembers(rows, asked);
        while (await row.ReadAsync(cancellationToken))
            yield return new(row.Stream, row.Version, Of(row));
    }

    /// <summary>What streams had before, each in its order.</summary>
    /// <param name="skipped">Events that were stepped over by command.</param>
    public IAsyncEnumerable<StreamFact<TFact>> ReadBeforeAsync(
        IReadOnlyCollection<StreamBefore> streams,
        IReadOnlyList<long> skipped,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    ) =>
        QueryAsync(
            // Each stream is one look into its index, whatever is known of how many there are.
            new NpgsqlCommand(
                $"""
                select e.* from unnest($3, $4, $5) k(tenant_id, stream_id, version)
                cross join lateral (
                    select {EventMemberRow.Columns(asked)} from {ISetProjection.Log} e
                    where e.tenant_id = k.tenant_id and e.stream_id = k.stream_id and e.version < k.version
                      and e.is_archived = false and e.type = any ($1) and e.seq_id <> all ($2)
                    order by e.version
                    offset 0
                ) e
                """,
                connection
            )
            {
                Parameters =
                {
                    Texts(Aliases),
                    Positions(skipped),
                    Texts(streams.Select(one => one.Stream.TenantId)),
                    Texts(streams.Select(one => one.Stream.Id)),
                    Positions(streams.Select(one => one.Version)),
                },
            },
            cancellationToken
        );

    internal TFact Of(RecordedEvent recorded) =>
        asked.TryGetValue(recorded.Type, out var members)
            ? Of(new EventMemberValues(recorded, members))
            : throw new UnreadableEventException($"Nobody asked for an event of type '{recorded.Type}'.");

    private TFact Of(EventMembers members) => readers[members.Type](members);

    private async IAsyncEnumerable<StreamFact<TFact>> QueryAsync(
        NpgsqlCommand select,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        await using var _ = select;
        await using var rows = await select.ExecuteReaderAsync(cancellationToken);
        var row = new QueriedEventMembers(rows, asked);
        while (await row.ReadAsync(cancellationToken))
            yield return new(row.Stream, row.Version, Of(row));
    }

    private static NpgsqlParameter Texts(IEnumerable<string> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar };

    private static NpgsqlParameter Positions(IEnumerable<long> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint };
}
