using System.Data;
using Npgsql;
using TrackAi.Analytics.Projections;
using TrackAi.Contracts;

namespace TrackAi.Analytics;

/// <inheritdoc cref="IReadLedger"/>
internal sealed class ReadLedger(NpgsqlDataSource dataSource) : IReadLedger
{
    public async Task<(long Position, IReadOnlyList<LedgerDay> Days)> ReadAsync(CancellationToken cancellationToken)
    {
        // The figures and the position they are of, at one moment.
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        await using var position = new NpgsqlCommand(
            $"select coalesce(max(last_seq_id), 0) from mt_event_progression where name = '{ConversionsProjection.ProjectionName}:All'",
            connection
        );
        var last = (long)(await position.ExecuteScalarAsync(cancellationToken))!;
        await using var select = new NpgsqlCommand(
            "select tenant_id, date, received, sent, skipped, dead, waiting, skipped_reasons::text, dead_reasons::text from v_dispatch_ledger",
            connection
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
                    Reasons(reader.GetString(7)),
                    Reasons(reader.GetString(8)),
                    reader.GetInt64(6)
                )
            );
        return (last, days);
    }

    private static Dictionary<string, long> Reasons(string json) =>
        System.Text.Json.JsonSerializer.Deserialize<Dictionary<string, long>>(json) ?? [];
}
