using Npgsql;
using NpgsqlTypes;

namespace TrackAi.Dispatch.Queue;

/// <summary>A dispatch to be queued.</summary>
internal sealed record QueuedDispatch(
    string DispatchId,
    string TenantId,
    string ConversionId,
    string PixelId,
    DateTimeOffset DueAt,
    DateTimeOffset RequestedAt
);

/// <summary>A dispatch this host may send now.</summary>
/// <param name="Attempt">Attempts made before this one.</param>
internal sealed record ClaimedDispatch(
    string DispatchId,
    string TenantId,
    string ConversionId,
    string PixelId,
    int Attempt,
    DateTimeOffset RequestedAt,
    DateTimeOffset? UnknownSince
);

/// <summary>A failure to record: when the dispatch is due again.</summary>
internal sealed record Postponed(string DispatchId, DateTimeOffset DueAt, DateTimeOffset? UnknownSince);

/// <summary>A dispatch to give up.</summary>
internal sealed record GivenUp(string DispatchId, string Reason, string Error);

/// <summary>
/// The queue in Postgres. Claims skip what others hold; a claim is a later due time, so a host that dies gives its dispatches back by itself.
/// </summary>
internal sealed class PostgresQueue(NpgsqlDataSource dataSource)
{
    public const string Channel = "trackai_dispatch";

    public static async Task EnqueueAsync(NpgsqlConnection connection, IReadOnlyCollection<QueuedDispatch> dispatches, CancellationToken cancellationToken)
    {
        if (dispatches.Count == 0)
            return;
        await using var insert = new NpgsqlCommand(
            $"""
            with queued as (
                insert into dispatch_queue (dispatch_id, tenant_id, conversion_id, pixel_id, due_at, requested_at)
                select * from unnest($1, $2, $3, $4, $5, $6) on conflict do nothing
            )
            select pg_notify('{Channel}', '')
            """,
            connection
        )
        {
            Parameters =
            {
                Varchars(dispatches.Select(dispatch => dispatch.DispatchId)),
                Varchars(dispatches.Select(dispatch => dispatch.TenantId)),
                Varchars(dispatches.Select(dispatch => dispatch.ConversionId)),
                Varchars(dispatches.Select(dispatch => dispatch.PixelId)),
                Times(dispatches.Select(dispatch => dispatch.DueAt)),
                Times(dispatches.Select(dispatch => dispatch.RequestedAt)),
            },
        };
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Takes the dispatches that are due, the longest due first.</summary>
    public async Task<IReadOnlyList<ClaimedDispatch>> ClaimAsync(Guid claim, int limit, DateTimeOffset now, DateTimeOffset until, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(
            """
            with due as (
                select q.dispatch_id from dispatch_queue q where q.due_at <= $3 order by q.due_at limit $2 for update skip locked
            )
            update dispatch_queue q set claim = $1, due_at = $4 from due where q.dispatch_id = due.dispatch_id
            returning q.dispatch_id, q.tenant_id, q.conversion_id, q.pixel_id, q.attempt, q.requested_at, q.unknown_since
            """
        );
        command.Parameters.Add(new() { Value = claim });
        command.Parameters.Add(new() { Value = limit });
        command.Parameters.Add(new() { Value = now });
        command.Parameters.Add(new() { Value = until });

        var claimed = new List<ClaimedDispatch>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            claimed.Add(
                new ClaimedDispatch(
                    reader.GetString(0),
                    reader.GetString(1),
                    reader.GetString(2),
                    reader.GetString(3),
                    reader.GetInt32(4),
                    reader.GetFieldValue<DateTimeOffset>(5),
                    reader.IsDBNull(6) ? null : reader.GetFieldValue<DateTimeOffset>(6)
                )
            );
        return claimed;
    }

    /// <summary>Keeps a claim up while its work takes long.</summary>
    public async Task ExtendAsync(Guid claim, DateTimeOffset until, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("update dispatch_queue set due_at = $2 where claim = $1");
        command.Parameters.Add(new() { Value = claim });
        command.Parameters.Add(new() { Value = until });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Removes what Meta confirmed, whoever holds the claim by now; returns what was still there.</summary>
    public static Task<IReadOnlySet<string>> RemoveConfirmedAsync(NpgsqlConnection connection, IEnumerable<string> dispatches, CancellationToken cancellationToken) =>
        ReturnAsync(connection, "delete from dispatch_queue where dispatch_id = any ($1) returning dispatch_id", [Varchars(dispatches)], cancellationToken);

    /// <summary>Puts off what failed, as far as the claim is still held; returns which.</summary>
    public static Task<IReadOnlySet<string>> PostponeAsync(
        NpgsqlConnection connection,
        Guid claim,
        IReadOnlyCollection<Postponed> postponed,
        CancellationToken cancellationToken
    ) =>
        ReturnAsync(
            connection,
            """
            update dispatch_queue q set attempt = q.attempt + 1, due_at = p.due_at, unknown_since = coalesce(q.unknown_since, p.unknown_since), claim = null
            from unnest($1, $2, $3) p(dispatch_id, due_at, unknown_since)
            where q.dispatch_id = p.dispatch_id and q.claim = $4
            returning q.dispatch_id
            """,
            [
                Varchars(postponed.Select(one => one.DispatchId)),
                Times(postponed.Select(one => one.DueAt)),
                new() { Value = postponed.Select(one => one.UnknownSince).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz },
                new() { Value = claim },
            ],
            cancellationToken
        );

    /// <summary>Moves what is given up to the dead letters, as far as the claim is still held; returns which.</summary>
    public static Task<IReadOnlySet<string>> GiveUpAsync(
        NpgsqlConnection connection,
        Guid claim,
        IReadOnlyCollection<GivenUp> givenUp,
        DateTimeOffset now,
        CancellationToken cancellationToken
    ) =>
        ReturnAsync(
            connection,
            """
            with gone as (
                delete from dispatch_queue q using unnest($1, $2, $3) g(dispatch_id, reason, error)
                where q.dispatch_id = g.dispatch_id and q.claim = $4
                returning q.*, g.reason, g.error
            )
            insert into dispatch_dead_letter (dispatch_id, tenant_id, conversion_id, pixel_id, attempt, reason, error, requested_at, dead_at)
            select dispatch_id, tenant_id, conversion_id, pixel_id, attempt + 1, reason, error, requested_at, $5 from gone
            on conflict (dispatch_id) do update set attempt = excluded.attempt, reason = excluded.reason, error = excluded.error, dead_at = excluded.dead_at
            returning dispatch_id
            """,
            [
                Varchars(givenUp.Select(one => one.DispatchId)),
                Varchars(givenUp.Select(one => one.Reason)),
                Varchars(givenUp.Select(one => one.Error)),
                new() { Value = claim },
                new() { Value = now },
            ],
            cancellationToken
        );

    /// <summary>How many wait, how many are being sent, how many were given up, and when the next one is due.</summary>
    public async Task<(long Waiting, long Active, long Failed, DateTimeOffset? NextDue)> ReadDepthAsync(CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(
            """
            select count(*) filter (where claim is null), count(*) filter (where claim is not null), (select count(*) from dispatch_dead_letter), min(due_at)
            from dispatch_queue
            """
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.IsDBNull(3) ? null : reader.GetFieldValue<DateTimeOffset>(3));
    }

    public async Task<DateTimeOffset?> ReadNextDueAsync(CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("select due_at from dispatch_queue order by due_at limit 1");
        return await command.ExecuteScalarAsync(cancellationToken) is DateTime due ? new DateTimeOffset(due) : null;
    }

    private static async Task<IReadOnlySet<string>> ReturnAsync(
        NpgsqlConnection connection,
        string sql,
        IReadOnlyList<NpgsqlParameter> parameters,
        CancellationToken cancellationToken
    )
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var parameter in parameters)
            command.Parameters.Add(parameter);
        var ids = new HashSet<string>(StringComparer.Ordinal);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            ids.Add(reader.GetString(0));
        return ids;
    }

    private static NpgsqlParameter Varchars(IEnumerable<string> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar };

    private static NpgsqlParameter Times(IEnumerable<DateTimeOffset> values) => new() { Value = values.ToArray() };
}
