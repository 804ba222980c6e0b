using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;

namespace TrackAi.Analytics;

/// <inheritdoc/>
internal sealed class ReadFigures(NpgsqlDataSource dataSource, ITenantDirectory tenants) : IReadFigures
{
    // Of each day: enough for a percentile that people look at, and the same work whatever was sold.
    private const int SalesOfADay = 200;

    private const string Cell =
        "date, gateway, kind, state, currency, match, dispatch_status, dispatch_reason, conversions, amount, funnel_id";

    public async Task<IReadOnlyList<FigureCell>> CellsAsync(FigureScope scope, CancellationToken cancellationToken = default)
    {
        await using var select = dataSource.Over(
            scope,
            $"""
            select {Cell}
            from conversion_daily
            where tenant_id = $1 and date between $2 and $3 and ($4 is null or gateway = $4) and ($5 is null or funnel_id = $5)
              and conversions <> 0
            """
        );
        var cells = new List<FigureCell>();
        await using var row = await select.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            cells.Add(ReadCell(row));
        return cells;
    }

    public async Task<ILookup<string, FigureCell>> CellsAsync(
        IReadOnlyCollection<FigureScope> scopes,
        CancellationToken cancellationToken = default
    )
    {
        await using var select = dataSource.CreateCommand(
            $"""
            select {Cell}, tenant_id
            from unnest($1, $2, $3, $4, $5) wanted(tenant, first, last, only_gateway, only_funnel)
            join conversion_daily on tenant_id = tenant and date between first and last
            where (only_gateway is null or gateway = only_gateway) and (only_funnel is null or funnel_id = only_funnel) and conversions <> 0
            """
        );
        select.Parameters.Add(Varchars(scopes.Select(scope => scope.TenantId)));
        select.Parameters.Add(new() { Value = scopes.Select(scope => scope.From).ToArray() });
        select.Parameters.Add(new() { Value = scopes.Select(scope => scope.To).ToArray() });
        select.Parameters.Add(Varchars(scopes.Select(scope => scope.Gateway)));
        select.Parameters.Add(Varchars(scopes.Select(scope => scope.Funnel)));
        var cells = new List<(string TenantId, FigureCell Cell)>();
        await using var row = await select.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            cells.Add((row.GetString(11), ReadCell(row)));
        return cells.ToLookup(cell => cell.TenantId, cell => cell.Cell, StringComparer.Ordinal);
    }

    // A pix that was paid an hour later was accepted, as a sale, an hour later.
    public async Task<IReadOnlyList<DelaySample>> DelaysAsync(FigureScope scope, CancellationToken cancellationToken = default)
    {
        await using var select = dataSource.Over(
            scope,
            $"""
            select d.date, array_agg(d.seconds)
            from generate_series($2::date, $3::date, interval '1 day') day
            cross join lateral (
                select s.date, extract(epoch from s.sent_at - greatest(s.received_at, s.paid_at))::float8 as seconds
                from conversion_status s
                where s.tenant_id = $1 and ($4 is null or s.gateway = $4) and ($5 is null or s.funnel_id = $5) and s.sent_at is not null
                  and s.received_at >= day::timestamp at time zone $6 and s.received_at < (day + interval '1 day')::timestamp at time zone $6
                order by s.received_at desc, s.conversion_id desc
                limit {SalesOfADay}
            ) d
            where d.seconds >= 0
            group by d.date
            order by d.date
            """
        );
        select.Parameters.Add(new() { Value = TimeZones.Of(tenants.Find(scope.TenantId)?.TimeZone).Id });
        var samples = new List<DelaySample>();
        await using var row = await select.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            samples.Add(new(row.GetFieldValue<DateOnly>(0), row.GetFieldValue<double[]>(1)));
        return samples;
    }

    private static NpgsqlParameter Varchars(IEnumerable<string?> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar };

    private static FigureCell ReadCell(NpgsqlDataReader row) =>
        new(
            row.GetFieldValue<DateOnly>(0),
            row.GetString(1),
            row.GetString(2),
            row.GetString(3),
            row.GetString(4),
            row.GetString(5),
            row.GetString(6),
            row.GetString(7),
            row.GetInt64(8),
            row.GetDecimal(9)
        )
        {
            FunnelId = row.GetString(10),
        };
}
