using System.Runtime.CompilerServices;
using Npgsql;
using TrackAi.EventStore.Running;

namespace TrackAi.EventStore.Reading;

/// <summary>A large page of a projection, ready to be applied in a transaction.</summary>
/// <param name="ApplyAsync">Returns how many events it applied.</param>
/// <param name="After">Events after this position…</param>
/// <param name="Ceiling">… up to this one are in it.</param>
internal sealed record BulkPage(long After, long Ceiling, Func<NpgsqlConnection, CancellationToken, Task<long>> ApplyAsync);

/// <summary>Large pages for the projections that can take them: <see cref="MemberProjection{TFact}"/> and <see cref="ISetProjection"/>.</summary>
internal sealed class BulkReader(NpgsqlDataSource dataSource)
{
    /// <summary>Positions in a page. From so far behind on large pages are worth it; larger ones keep more alive than the collector likes.</summary>
    public const int PageSize = 50_000;

    // Pages being read while one is written: the cores of a small server, and one more, since Postgres and the program wait for each other. Facts are
    // kept until their page's turn comes, and writing rows is what takes long there: one page of them is enough.
    private const int SetsAhead = 3;
    private const int FactsAhead = 1;

    public static bool CanRead(IProjection projection) => projection is ISetProjection or IMemberProjection;

    /// <summary>Pages in order, the next ones read while one is applied.</summary>
    /// <param name="skipped">Whether what was skipped by command stays out.</param>
    public async IAsyncEnumerable<BulkPage> ReadAsync(
        IProjection projection,
        long after,
        long upTo,
        bool skipped,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        var ahead = new Queue<Task<BulkPage>>();
        var most = projection is ISetProjection ? SetsAhead : FactsAhead;
        try
        {
            while (after < upTo || ahead.Count > 0)
            {
                while (after < upTo && ahead.Count < most)
                {
                    var ceiling = Math.Min(after + PageSize, upTo);
                    ahead.Enqueue(ReadPageAsync(projection, after, ceiling, skipped, cancellationToken));
                    after = ceiling;
                }

                yield return await ahead.Dequeue();
            }
        }
        finally
        {
            // Read ahead for nobody: the connections must be free before this returns, and a failure is nobody's.
            await Task.WhenAll(ahead).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    private Task<BulkPage> ReadPageAsync(
        IProjection projection,
        long after,
        long ceiling,
        bool skipped,
        CancellationToken cancellationToken
    ) =>
        Task.Run(
            () =>
                projection is ISetProjection set
                    ? ReadSetAsync(set, after, ceiling, skipped, cancellationToken)
                    : ReadMembersAsync((IMemberProjection)projection, after, ceiling, cancellationToken),
            cancellationToken
        );

    private async Task<BulkPage> ReadSetAsync(
        ISetProjection projection,
        long after,
        long ceiling,
        bool skipped,
        CancellationToken cancellationToken
    )
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        var without = skipped ? await DeadLetters.ReadAsync(connection, projection.Name, cancellationToken) : [];
        var change = await projection.ReadAsync(new LogRange(after, ceiling, without), connection, cancellationToken);
        return new BulkPage(
            after,
            ceiling,
            async (write, token) =>
            {
                await change.WriteAsync(write, token);
                return change.Events;
            }
        );
    }

    private async Task<BulkPage> ReadMembersAsync(
        IMemberProjection projection,
        long after,
        long ceiling,
        CancellationToken cancellationToken
    )
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        return new BulkPage(after, ceiling, await projection.ReadAsync(new LogRange(after, ceiling, []), connection, cancellationToken));
    }
}
