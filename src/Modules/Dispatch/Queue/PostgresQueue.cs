using Npgsql;
using NpgsqlTypes;

namespace TrackAi.Dispatch.Queue;

/// <summary>
/// The table of what has been decided and has not ended, which every transport works from. A claim that is not kept up ends by itself, so a host
/// that dies gives its dispatches back.
/// </summary>
internal sealed class PostgresQueue(NpgsqlDataSource dataSource)
{
    public const string Channel = "trackai_dispatch";

    public static async Task EnqueueAsync(
        NpgsqlConnection connection,
        IReadOnlyCollection<QueuedDispatch> dispatches,
        CancellationToken cancellationToken
    )
    {
        if (dispatches.Count == 0)
            return;
        await using var insert = Command(
            connection,
            $"""
            with queued as (
                insert into dispatch_queue (dispatch_id, tenant_id, conversion_id, pixel_id, due_at, requested_at, expires_at)
                select * from unnest($1, $2, $3, $4, $5, $6, $7) on conflict do nothing
            )
            select pg_notify('{Channel}', '')
            """,
            Varchars(dispatches.Select(dispatch => dispatch.DispatchId)),
            Varchars(dispatches.Select(dispatch => dispatch.TenantId)),
            Varchars(dispatches.Select(dispatch => dispatch.ConversionId)),
            Varchars(dispatches.Select(dispatch => dispatch.PixelId)),
            Times(dispatches.Select(dispatch => dispatch.DueAt)),
            Times(dispatches.Select(dispatch => dispatch.RequestedAt)),
            Times(dispatches.Select(dispatch => dispatch.ExpiresAt))
        );
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Claims what is due, lane by lane, in each lane the longest due first.</summary>
    public async Task<IReadOnlyList<ClaimedDispatch>> TakeAsync(Take take, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("select * from dispatch_take($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
        foreach (var value in (object[])[take.Claim, take.Now, take.Until, take.PerLane, take.Most])
            command.Parameters.Add(new() { Value = value });
        command.Parameters.Add(Varchars(take.Busy.Select(lane => lane.TenantId)));
        command.Parameters.Add(Varchars(take.Busy.Select(lane => lane.PixelId)));
        command.Parameters.Add(new() { Value = take.After.TenantId ?? "" });
        command.Parameters.Add(new() { Value = take.After.PixelId ?? "" });
        command.Parameters.Add(new() { Value = take.Circuits });
        return await ReadClaimedAsync(command, cancellationToken);
    }

    /// <summary>When there will be something to take; null when nothing waits in a lane that opens by itself.</summary>
    public async Task<DateTimeOffset?> ReadNextDueAsync(IReadOnlyCollection<Lane> busy, bool circuits, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("select dispatch_next_due($1, $2, $3)");
        command.Parameters.Add(Varchars(busy.Select(lane => lane.TenantId)));
        command.Parameters.Add(Varchars(busy.Select(lane => lane.PixelId)));
        command.Parameters.Add(new() { Value = circuits });
        return await command.ExecuteScalarAsync(cancellationToken) is DateTime due ? new DateTimeOffset(due) : null;
    }

    /// <summary>Keeps a claim up while its work takes long.</summary>
    public async Task ExtendAsync(
        Guid claim,
        IReadOnlyCollection<string> dispatches,
        DateTimeOffset until,
        CancellationToken cancellationToken
    )
    {
        await using var command = dataSource.CreateCommand(
            "update dispatch_queue set claimed_until = $3 where dispatch_id = any ($2) and claim = $1"
        );
        command.Parameters.Add(new() { Value = claim });
        command.Parameters.Add(Varchars(dispatches));
        command.Parameters.Add(new() { Value = until });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Gives back what was not sent, as if it had never been claimed.</summary>
    public async Task ReleaseAsync(Guid claim, IReadOnlyCollection<string> dispatches, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(
            """
            update dispatch_queue
            set claim = null, claimed_until = null, handed_over_at = null, due_at = least(due_at, handed_over_at)
            where dispatch_id = any ($2) and claim = $1
            """
        );
        command.Parameters.Add(new() { Value = claim });
        command.Parameters.Add(Varchars(dispatches));
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>
    /// Claims what is named and not held by anybody, as long as the lane is open; otherwise parks it, to be handed over again when the lane opens.
    /// Also tells how many are left that another holds.
    /// </summary>
    public async Task<(IReadOnlyList<ClaimedDispatch> Claimed, int Left)> ClaimAsync(
        Take take,
        Lane lane,
        IReadOnlyCollection<string> dispatches,
        CancellationToken cancellationToken
    )
    {
        await using var batch = dataSource.CreateBatch();
        NpgsqlParameter[] Named() =>
            [
                new() { Value = take.Claim },
                Varchars(dispatches),
                new() { Value = take.Now },
                new() { Value = take.Until },
                new() { Value = lane.TenantId },
                new() { Value = lane.PixelId },
                new() { Value = take.Circuits },
            ];
        void Add(string sql, params IReadOnlyList<NpgsqlParameter> parameters)
        {
            var command = new NpgsqlBatchCommand(sql);
            foreach (var parameter in parameters)
                command.Parameters.Add(parameter);
            batch.BatchCommands.Add(command);
        }

        Add(
            """
            with open as materialized (select dispatch_lane_opens($5, $6, $7) <= $3 is_open)
            update dispatch_queue q
            set claim = case when open.is_open then $1 end,
                claimed_until = case when open.is_open then $4 end,
                handed_over_at = case when open.is_open then q.handed_over_at end,
                due_at = case when open.is_open then q.due_at else $3 end
            from open
            where q.dispatch_id = any ($2) and (q.claimed_until is null or q.claimed_until <= $3)
            returning q.dispatch_id, q.tenant_id, q.conversion_id, q.pixel_id, q.attempt, q.requested_at, q.expires_at, q.unknown_since, q.redrive_id,
                      open.is_open
            """,
            Named()
        );
        Add(
            "select count(*)::int from dispatch_queue where dispatch_id = any ($1) and claimed_until > $2 and claim <> $3",
            Varchars(dispatches),
            new() { Value = take.Now },
            new() { Value = take.Claim }
        );

        var claimed = new List<ClaimedDispatch>();
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            if (!reader.IsDBNull(9) && reader.GetBoolean(9))
                claimed.Add(ReadOne(reader));
        await reader.NextResultAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (claimed, reader.GetInt32(0));
    }

    /// <summary>Remembers that SQS has it; due here again where SQS loses it.</summary>
    public async Task MarkHandedOverAsync(
        Guid claim,
        IReadOnlyCollection<string> dispatches,
        DateTimeOffset now,
        DateTimeOffset again,
        CancellationToken cancellationToken
    )
    {
        await using var command = dataSource.CreateCommand(
            """
            update dispatch_queue set claim = null, claimed_until = null, handed_over_at = $3, due_at = $4
            where dispatch_id = any ($2) and claim = $1
            """
        );
        command.Parameters.Add(new() { Value = claim });
        command.Parameters.Add(Varchars(dispatches));
        command.Parameters.Add(new() { Value = now });
        command.Parameters.Add(new() { Value = again });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>How much of each lane is at SQS.</summary>
    public async Task<Dictionary<Lane, long>> CountHandedOverAsync(CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(
            "select tenant_id, pixel_id, count(*) from dispatch_queue where handed_over_at is not null group by tenant_id, pixel_id"
        );
        var counts = new Dictionary<Lane, long>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            counts[new Lane(reader.GetString(0), reader.GetString(1))] = reader.GetInt64(2);
        return counts;
    }

    /// <summary>Makes due here what another transport was handed and nobody works on.</summary>
    /// <param name="dispatches">Null means all of it.</param>
    public async Task TakeBackAsync(IReadOnlyCollection<string>? dispatches, CancellationToken cancellationToken)
    {
        if (dispatches is { Count: 0 })
            return;
        await using var command = dataSource.CreateCommand(
            """
            update dispatch_queue set handed_over_at = null, due_at = least(due_at, handed_over_at)
            where handed_over_at is not null and claimed_until is null and ($1::varchar[] is null or dispatch_id = any ($1))
            """
        );
        command.Parameters.Add(
            new() { Value = (object?)dispatches?.ToArray() ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar }
        );
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Removes what Meta confirmed, whoever holds the claim by now; returns what was still there.</summary>
    public static Task<IReadOnlySet<string>> RemoveConfirmedAsync(
        NpgsqlConnection connection,
        IEnumerable<string> dispatches,
        CancellationToken cancellationToken
    ) =>
        ReturnAsync(
            Command(connection, "delete from dispatch_queue where dispatch_id = any ($1) returning dispatch_id", Varchars(dispatches)),
            cancellationToken
        );

    /// <summary>Puts off what failed, as far as the claim is still held; returns which.</summary>
    public static Task<IReadOnlySet<string>> PostponeAsync(
        NpgsqlConnection connection,
        Guid claim,
        IReadOnlyCollection<Postponed> postponed,
        CancellationToken cancellationToken
    ) =>
        ReturnAsync(
            Command(
                connection,
                """
                update dispatch_queue q
                set attempt = q.attempt + 1, due_at = p.due_at, unknown_since = coalesce(q.unknown_since, p.unknown_since),
                    claim = null, claimed_until = null, handed_over_at = null
                from unnest($1, $2, $3) p(dispatch_id, due_at, unknown_since)
                where q.dispatch_id = p.dispatch_id and q.claim = $4
                returning q.dispatch_id
                """,
                Varchars(postponed.Select(one => one.DispatchId)),
                Times(postponed.Select(one => one.DueAt)),
                OptionalTimes(postponed.Select(one => one.UnknownSince)),
                new() { Value = claim }
            ),
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
            Command(
                connection,
                """
                with gone as (
                    delete from dispatch_queue q using unnest($1, $2, $3, $4) g(dispatch_id, reason, error, unknown_since)
                    where q.dispatch_id = g.dispatch_id and q.claim = $5
                    returning q.*, g.reason, g.error, g.unknown_since unknown
                )
                insert into dispatch_dead_letter
                    (dispatch_id, tenant_id, conversion_id, pixel_id, attempt, reason, error, requested_at, dead_at, expires_at, unknown_since)
                select dispatch_id, tenant_id, conversion_id, pixel_id, attempt + 1, reason, error, requested_at, $6, expires_at,
                       coalesce(unknown_since, unknown)
                from gone
                on conflict (dispatch_id) do update set
                    attempt = excluded.attempt, reason = excluded.reason, error = excluded.error, dead_at = excluded.dead_at,
                    unknown_since = excluded.unknown_since
                returning dispatch_id
                """,
                Varchars(givenUp.Select(one => one.DispatchId)),
                Varchars(givenUp.Select(one => one.Reason)),
                Varchars(givenUp.Select(one => one.Error)),
                OptionalTimes(givenUp.Select(one => one.UnknownSince)),
                new() { Value = claim },
                new() { Value = now }
            ),
            cancellationToken
        );

    /// <summary>Claims what has expired in lanes that nothing is taken from, so that it does not wait for ever.</summary>
    public async Task<IReadOnlyList<ClaimedDispatch>> ClaimExpiredAsync(
        Guid claim,
        int most,
        DateTimeOffset now,
        DateTimeOffset until,
        CancellationToken cancellationToken
    )
    {
        await using var command = dataSource.CreateCommand(
            """
            with expired as (
                select q.dispatch_id
                from dispatch_pixel p
                join dispatch_queue q on q.tenant_id = p.tenant_id and q.pixel_id = p.pixel_id
                where p.paused_at is not null and q.expires_at <= $3 and (q.claimed_until is null or q.claimed_until <= $3)
                limit $2 for update of q skip locked
            )
            update dispatch_queue q set claim = $1, claimed_until = $4 from expired where q.dispatch_id = expired.dispatch_id
            returning q.dispatch_id, q.tenant_id, q.conversion_id, q.pixel_id, q.attempt, q.requested_at, q.expires_at, q.unknown_since, q.redrive_id
            """
        );
        foreach (var value in (object[])[claim, most, now, until])
            command.Parameters.Add(new() { Value = value });
        return await ReadClaimedAsync(command, cancellationToken);
    }

    /// <summary>How many wait, how many are being sent, how many were given up.</summary>
    public async Task<(long Waiting, long Active, long Failed)> ReadDepthAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(
            """
            select count(*) filter (where claimed_until is null or claimed_until <= $1),
                   count(*) filter (where claimed_until > $1),
                   (select count(*) from dispatch_dead_letter)
            from dispatch_queue
            """
        );
        command.Parameters.Add(new() { Value = now });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2));
    }

    private static async Task<IReadOnlyList<ClaimedDispatch>> ReadClaimedAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var claimed = new List<ClaimedDispatch>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            claimed.Add(ReadOne(reader));
        return claimed;
    }

    private static ClaimedDispatch ReadOne(NpgsqlDataReader reader) =>
        new(
            reader.GetString(0),
            reader.GetString(1),
            reader.GetString(2),
            reader.GetString(3),
            reader.GetInt32(4),
            reader.GetFieldValue<DateTimeOffset>(5),
            reader.GetFieldValue<DateTimeOffset>(6),
            reader.IsDBNull(7) ? null : reader.GetFieldValue<DateTimeOffset>(7),
            reader.IsDBNull(8) ? null : reader.GetGuid(8)
        );

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params IReadOnlyList<NpgsqlParameter> parameters)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var parameter in parameters)
            command.Parameters.Add(parameter);
        return command;
    }

    private static async Task<IReadOnlySet<string>> ReturnAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var disposed = command;
        var ids = new HashSet<string>(StringComparer.Ordinal);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            ids.Add(reader.GetString(0));
        return ids;
    }

    private static NpgsqlParameter Varchars(IEnumerable<string> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar };

    private static NpgsqlParameter Times(IEnumerable<DateTimeOffset> values) => new() { Value = values.ToArray() };

    private static NpgsqlParameter OptionalTimes(IEnumerable<DateTimeOffset?> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz };
}
