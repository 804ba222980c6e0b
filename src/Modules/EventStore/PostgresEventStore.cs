using System.Runtime.CompilerServices;
using Npgsql;
using TrackAi.EventStore.Appending;
using TrackAi.EventStore.Reading;

namespace TrackAi.EventStore;

/// <summary>
/// The log, in Marten's tables. Appends are group-committed; a stream is read whole; the whole log is read up to the high-water mark.
/// </summary>
public sealed class PostgresEventStore
{
    private readonly NpgsqlDataSource dataSource;
    private readonly EventSerializer serializer;
    private readonly EventStoreOptions options;
    private readonly TimeProvider time;
    private readonly AppendBatcher batcher;
    private readonly AppendStatement statement;
    private readonly EventReader reader;
    private readonly StreamLoader loader;
    private readonly WakeUp wakeUp;

    internal PostgresEventStore(
        NpgsqlDataSource dataSource,
        EventSerializer serializer,
        EventStoreOptions options,
        TimeProvider time,
        AppendBatcher batcher,
        AppendStatement statement,
        EventReader reader,
        StreamLoader loader,
        WakeUp wakeUp
    ) =>
        (this.dataSource, this.serializer, this.options, this.time, this.batcher, this.statement, this.reader, this.loader, this.wakeUp) = (
            dataSource,
            serializer,
            options,
            time,
            batcher,
            statement,
            reader,
            loader,
            wakeUp
        );

    /// <summary>
    /// Appends, and returns once it is durable or refused. Throws <see cref="EventStoreUnavailableException"/> when Postgres did not confirm in
    /// time, <see cref="ArchivedStreamException"/> when the stream is archived, <see cref="InvalidAppendException"/> for what no retry can mend.
    /// </summary>
    public async Task<AppendResult> AppendAsync(Append append, CancellationToken cancellationToken = default) =>
        await batcher.AppendAsync(PendingAppend.Prepare(append, serializer, options, time), cancellationToken) switch
        {
            AppendResult.Archived => throw new ArchivedStreamException(append.Stream),
            var result => result,
        };

    /// <summary>A stream's events in order of version; empty when there is no such stream.</summary>
    public Task<IReadOnlyList<RecordedEvent>> ReadStreamAsync(StreamId stream, CancellationToken cancellationToken = default) =>
        reader.ReadStreamAsync(stream, 1, cancellationToken);

    /// <summary>Many streams in one round trip.</summary>
    public Task<ILookup<StreamId, RecordedEvent>> ReadStreamsAsync(
        IReadOnlyCollection<StreamId> streams,
        CancellationToken cancellationToken = default
    ) => reader.ReadStreamsAsync(streams, null, cancellationToken);

    /// <summary>Folds a stream from its first event on (Marten's live aggregation); null when there is no such stream.</summary>
    public Task<T?> AggregateStreamAsync<T>(StreamId stream, Func<T?, object, T> evolve, CancellationToken cancellationToken = default)
        where T : class => loader.FoldAsync(stream, evolve, cancellationToken);

    /// <summary>
    /// The log in order, from after a position up to the high-water mark at the time of the call, a page at a time. No committed event is ever passed over.
    /// </summary>
    public async IAsyncEnumerable<RecordedEvent> ReadAllAsync(
        long after = 0,
        long? upTo = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        var mark = Math.Min(upTo ?? long.MaxValue, await ReadHighWaterMarkAsync(cancellationToken));
        while (after < mark)
        {
            var page = await reader.ReadRangeAsync(after, mark, options.PageSize, null, cancellationToken);
            foreach (var recorded in page.Events)
                yield return recorded;
            after = page.Ceiling;
        }
    }

    /// <summary>The position below which nothing can appear any more.</summary>
    public async Task<long> ReadHighWaterMarkAsync(CancellationToken cancellationToken = default)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        return (await HighWaterMark.ReadAsync(connection, cancellationToken)).Mark;
    }

    /// <summary>The same, with what is not final yet and whom it waits for.</summary>
    public async Task<LogEnd> ReadEndAsync(CancellationToken cancellationToken = default)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        var (mark, highest) = await HighWaterMark.ReadAsync(connection, cancellationToken);
        return new LogEnd(mark, highest, mark < highest ? await LogHolder.ReadAsync(connection, cancellationToken) : null);
    }

    /// <summary>A transaction in which rows and events commit together.</summary>
    public Task<EventSession> OpenSessionAsync(CancellationToken cancellationToken = default) => OpenSessionAsync(null, cancellationToken);

    internal async Task<EventSession> OpenSessionAsync(long? upTo, CancellationToken cancellationToken)
    {
        var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        try
        {
            var transaction = await connection.BeginTransactionAsync(cancellationToken);
            return new EventSession(connection, transaction, statement, serializer, reader, options, time, wakeUp) { UpTo = upTo };
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }
}
