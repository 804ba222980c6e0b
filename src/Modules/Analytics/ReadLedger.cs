using System.Text.Json;
using Npgsql;
using TrackAi.Analytics.Projections;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Analytics;

/// <inheritdoc cref="IReadLedger"/>
internal sealed class ReadLedger(NpgsqlDataSource dataSource, ProjectionProgress progress) : IReadLedger
{
    private const int Tries = 100;

    // Rows and progress commit together: where the progress is the same before and after, the figures are of that position.
    public async Task<(long Position, IReadOnlyList<LedgerDay> Days)> ReadAsync(CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < Tries; attempt++)
        {
            var before = await ReadPositionAsync(cancellationToken);
            var days = await ReadDaysAsync(cancellationToken);
            if (await ReadPositionAsync(cancellationToken) == before)
                return (before, days);
        }

        throw new InvalidOperationException("The read models never stood still while they were read; try again when there is less to do.");
    }

    private async Task<long> ReadPositionAsync(CancellationToken cancellationToken) =>
        (await progress.ReadAsync(cancellationToken))
            .FirstOrDefault(shard => shard.Name.Split(':')[0] == DispatchSummaryProjection.ProjectionName)
            ?.Progress
        ?? 0;

    private async Task<IReadOnlyList<LedgerDay>> ReadDaysAsync(CancellationToken cancellationToken)
    {
        await using var select = dataSource.CreateCommand(
            "select tenant_id, date, received, sent, skipped_reasons::text, dead_reasons::text, waiting from v_dispatch_ledger"
        );
        var days = new List<LedgerDay>();
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            days.Add(
                new LedgerDay(
                    reader.GetString(0),
                    reader.GetFieldValue<DateOnly>(1),
                    reader.GetInt64(2),
                    reader.GetInt64(3),
                    Reasons(reader.GetString(4)),
                    Reasons(reader.GetString(5)),
                    reader.GetInt64(6)
                )
            );
        return days;
    }

    private static Dictionary<string, long> Reasons(string json) => JsonSerializer.Deserialize<Dictionary<string, long>>(json) ?? [];
}
