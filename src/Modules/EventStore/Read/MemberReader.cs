using System.Runtime.CompilerServices;
using Npgsql;
using NpgsqlTypes;

namespace TrackAi.EventStore.Reading;

/// <summary>Large pages for a <see cref="MemberProjection{TFact}"/>, each read while the one before is applied.</summary>
internal sealed class MemberReader(NpgsqlDataSource dataSource, EventSerializer serializer)
{
    /// <summary>Positions in a page. From so far behind on it is worth it.</summary>
    public const int PageSize = 50_000;

    public async IAsyncEnumerable<(MemberPage Page, long Ceiling)> ReadAsync(
        IProjection projection,
        long after,
        long upTo,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        var types = projection.EventTypes.Select(type => serializer.NameOf(type).Alias).ToArray();
        var next = ReadPageAsync(projection, types, after, upTo, cancellationToken);
        try
        {
            while (after < upTo)
            {
                var (page, ceiling) = await next;
                if (ceiling < upTo)
                    next = ReadPageAsync(projection, types, ceiling, upTo, cancellationToken);
                yield return (page, ceiling);
                after = ceiling;
            }
        }
        finally
        {
            // Read ahead for nobody: its connection must be free before this returns, and its failure is nobody's.
            await next.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    private Task<(MemberPage Page, long Ceiling)> ReadPageAsync(
        IProjection projection,
        string[] types,
        long after,
        long upTo,
        CancellationToken cancellationToken
    ) =>
        Task.Run(
            async () =>
            {
                var members = (IMemberProjection)projection;
                var ceiling = Math.Min(after + PageSize, upTo);
                await using var select = dataSource.CreateCommand(
                    $"""
                    select {EventMemberRow.Columns(members.Members)} from mt_events e
                    where e.seq_id > $1 and e.seq_id <= $2 and e.is_archived = false and e.type = any ($3)
                    order by e.seq_id
                    """
                );
                select.Parameters.Add(new() { Value = after });
                select.Parameters.Add(new() { Value = ceiling });
                select.Parameters.Add(new() { Value = types, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar });
                await using var rows = await select.ExecuteReaderAsync(cancellationToken);
                return (await members.ReadAsync(rows, cancellationToken), ceiling);
            },
            cancellationToken
        );
}
