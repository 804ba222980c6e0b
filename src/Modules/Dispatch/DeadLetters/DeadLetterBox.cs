using System.Diagnostics;
using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;
using TrackAi.Dispatch.Queue;
using TrackAi.EventStore;

namespace TrackAi.Dispatch.DeadLetters;

/// <inheritdoc cref="IDeadLetters"/>
internal sealed class DeadLetterBox(PostgresEventStore store, Ids ids, TimeProvider time) : IDeadLetters
{
    private sealed record Letter(DeadLetter Shown, DateTimeOffset? UnknownSince, string Gateway);

    public async Task<IReadOnlyList<DeadLetter>> ListAsync(DeadLetterFilter filter, CancellationToken cancellationToken)
    {
        await using var session = await store.OpenSessionAsync(cancellationToken);
        return [.. (await ReadAsync(session, filter, isTaken: false, cancellationToken)).Select(letter => letter.Shown)];
    }

    public async Task<Redrive> RedriveAsync(DeadLetterFilter filter, string by, bool force, CancellationToken cancellationToken)
    {
        using var activity = DispatchMetrics.Activities.StartActivity("trackai.dispatch.redrive");
        var (redriveId, traceId) = (ids.New(), Activity.Current?.TraceId.ToHexString() ?? ActivityTraceId.CreateRandom().ToHexString());
        activity?.SetTag("redrive", redriveId);
        await using var session = await store.OpenSessionAsync(cancellationToken);
        var letters = (await ReadAsync(session, filter, isTaken: true, cancellationToken)).ToLookup(letter =>
            Expectation.IsRedriven(letter.Shown.Expectation, force)
        );

        var now = time.GetUtcNow();
        await MoveAsync(session, redriveId, [.. letters[true].Select(letter => letter.Shown)], now, cancellationToken);
        foreach (var letter in letters[true])
            Append(
                session,
                letter.Shown,
                new DispatchRedriven(
                    letter.Shown.ConversionId,
                    letter.Gateway,
                    letter.Shown.DispatchId,
                    letter.Shown.PixelId,
                    redriveId,
                    letter.Shown.Expectation,
                    by,
                    traceId,
                    now
                ),
                $"{redriveId}"
            );
        await session.CommitAsync(cancellationToken);
        DispatchMetrics.Redriven.Add(letters[true].Count());
        return new Redrive(
            redriveId,
            traceId,
            [.. letters[true].Select(letter => letter.Shown)],
            [.. letters[false].Select(letter => letter.Shown)]
        );
    }

    public async Task<IReadOnlyList<DeadLetter>> DiscardAsync(
        DeadLetterFilter filter,
        string reason,
        string by,
        CancellationToken cancellationToken
    )
    {
        await using var session = await store.OpenSessionAsync(cancellationToken);
        var letters = await ReadAsync(session, filter, isTaken: true, cancellationToken);
        await using var delete = new NpgsqlCommand("delete from dispatch_dead_letter where dispatch_id = any ($1)", session.Connection)
        {
            Parameters = { Varchars(letters.Select(letter => letter.Shown.DispatchId)) },
        };
        await delete.ExecuteNonQueryAsync(cancellationToken);
        foreach (var (shown, _, gateway) in letters)
            Append(
                session,
                shown,
                new DispatchDiscarded(shown.ConversionId, gateway, shown.DispatchId, shown.PixelId, reason, by, time.GetUtcNow()),
                null
            );
        await session.CommitAsync(cancellationToken);
        return [.. letters.Select(letter => letter.Shown)];
    }

    private static void Append(EventSession session, DeadLetter letter, object fact, string? correlation) =>
        session.Append(
            new Append(new StreamId(letter.TenantId, Streams.Conversion(letter.ConversionId)), [fact])
            {
                CorrelationId = correlation,
                UnlessArchived = true,
            }
        );

    /// <param name="isTaken">Whether they are ours until the end of the transaction.</param>
    private async Task<IReadOnlyList<Letter>> ReadAsync(
        EventSession session,
        DeadLetterFilter filter,
        bool isTaken,
        CancellationToken cancellationToken
    )
    {
        await using var select = new NpgsqlCommand(
            $"""
            select dispatch_id, tenant_id, conversion_id, pixel_id, attempt, reason, error, requested_at, dead_at, expires_at, unknown_since
            from dispatch_dead_letter
            where ($1::varchar is null or tenant_id = $1) and ($2::varchar is null or reason = $2) and ($3::varchar is null or pixel_id = $3)
              and ($4::varchar[] is null or dispatch_id = any ($4))
            order by dead_at desc, dispatch_id limit $5
            {(isTaken ? "for update skip locked" : "")}
            """,
            session.Connection
        )
        {
            Parameters =
            {
                Varchar(filter.Tenant),
                Varchar(filter.Reason),
                Varchar(filter.PixelId),
                Varchars(filter.DispatchIds),
                new() { Value = filter.Limit },
            },
        };
        var rows = new List<(DeadLetter Letter, DateTimeOffset? UnknownSince)>();
        await using (var reader = await select.ExecuteReaderAsync(cancellationToken))
            while (await reader.ReadAsync(cancellationToken))
                rows.Add(
                    (
                        new DeadLetter(
                            reader.GetString(0),
                            reader.GetString(1),
                            reader.GetString(2),
                            reader.GetString(3),
                            reader.GetInt32(4),
                            reader.GetString(5),
                            reader.GetString(6),
                            reader.GetFieldValue<DateTimeOffset>(7),
                            reader.GetFieldValue<DateTimeOffset>(8),
                            reader.GetFieldValue<DateTimeOffset>(9),
                            "",
                            ""
                        ),
                        reader.IsDBNull(10) ? null : reader.GetFieldValue<DateTimeOffset>(10)
                    )
                );
        return await ExpectAsync(session, rows, cancellationToken);
    }

    private async Task<IReadOnlyList<Letter>> ExpectAsync(
        EventSession session,
        List<(DeadLetter Letter, DateTimeOffset? UnknownSince)> rows,
        CancellationToken cancellationToken
    )
    {
        var streams = await session.ReadStreamsAsync([.. rows.Select(row => StreamOf(row.Letter)).Distinct()], cancellationToken);
        var now = time.GetUtcNow();
        return
        [
            .. rows.Select(row =>
            {
                // What cannot be read is found out, and told, before anything is sent.
                var facts = streams[StreamOf(row.Letter)]
                    .Where(recorded => recorded.WhyUnreadable is null)
                    .Select(recorded => recorded.Data);
                var isSent = facts.OfType<DispatchSucceeded>().Any(sent => sent.DispatchId == row.Letter.DispatchId);
                var expectation = Expectation.Of(row.Letter.ExpiresAt, row.UnknownSince, isSent, now);
                return new Letter(
                    row.Letter with
                    {
                        Expectation = expectation,
                        Remedy = Expectation.Explain(expectation),
                    },
                    row.UnknownSince,
                    row.Letter.ConversionId.Split('-')[0]
                );
            }),
        ];
    }

    private static StreamId StreamOf(DeadLetter letter) => new(letter.TenantId, Streams.Conversion(letter.ConversionId));

    private static async Task MoveAsync(
        EventSession session,
        Guid redriveId,
        IReadOnlyCollection<DeadLetter> letters,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        await using var move = new NpgsqlCommand(
            $"""
            with moved as (
                delete from dispatch_dead_letter where dispatch_id = any ($1) returning *
            ), queued as (
                insert into dispatch_queue
                    (dispatch_id, tenant_id, conversion_id, pixel_id, attempt, due_at, requested_at, expires_at, unknown_since, redrive_id)
                select dispatch_id, tenant_id, conversion_id, pixel_id, attempt, $2, requested_at, expires_at, unknown_since, $3 from moved
                on conflict do nothing
            )
            select pg_notify('{PostgresQueue.Channel}', '')
            """,
            session.Connection
        )
        {
            Parameters =
            {
                Varchars(letters.Select(letter => letter.DispatchId)),
                new() { Value = now },
                new() { Value = redriveId },
            },
        };
        await move.ExecuteNonQueryAsync(cancellationToken);
    }

    private static NpgsqlParameter Varchar(string? value) =>
        new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar };

    private static NpgsqlParameter Varchars(IEnumerable<string>? values) =>
        new() { Value = (object?)values?.ToArray() ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar };
}
