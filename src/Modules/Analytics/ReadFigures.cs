using Npgsql;
using NpgsqlTypes;
using TrackAi.Analytics.Days;
using TrackAi.Contracts;

namespace TrackAi.Analytics;

/// <inheritdoc/>
internal sealed class ReadFigures(NpgsqlDataSource dataSource, ITenantDirectory tenants) : IReadFigures
{
    // Of each day: enough for a percentile that people look at, and the same work whatever was sold.
    private const int SalesOfADay = 200;

    public async Task<IReadOnlyList<FigureCell>> CellsAsync(FigureScope scope, CancellationToken cancellationToken = default) =>
        [.. (await CellsAsync([scope], cancellationToken))[scope.TenantId]];

    public async Task<ILookup<string, FigureCell>> CellsAsync(
        IReadOnlyCollection<FigureScope> scopes,
        CancellationToken cancellationToken = default
    ) =>
        (await ConversionDays.Table.ReadAsync(scopes, withAmounts: true, dataSource, cancellationToken)).ToLookup(
            one => one.Day.TenantId,
            FigureOf,
            StringComparer.Ordinal
        );

    private static FigureCell FigureOf(DayCell<ConversionCell> one) =>
        new(
            one.Day.Date,
            one.Cell.Gateway,
            one.Cell.Kind,
            one.Cell.State,
            one.Cell.Currency,
            one.Cell.Match,
            one.Cell.DispatchStatus,
            one.Cell.DispatchReason,
            one.Sum.Count,
            one.Sum.Amount
        )
        {
            FunnelId = one.Cell.FunnelId,
        };

    // A pix that was paid an hour later was accepted, as a sale, an hour later.
    public async Task<IReadOnlyList<DelaySample>> DelaysAsync(FigureScope scope, CancellationToken cancellationToken = default)
    {
        await using var select = dataSource.CreateCommand(
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
        select.Parameters.Add(new() { Value = scope.TenantId });
        select.Parameters.Add(new() { Value = scope.From });
        select.Parameters.Add(new() { Value = scope.To });
        select.Parameters.Add(new() { Value = scope.Gateway ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar });
        select.Parameters.Add(new() { Value = scope.Funnel ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar });
        select.Parameters.Add(new() { Value = TimeZones.Of(tenants.Find(scope.TenantId)?.TimeZone).Id });
        var samples = new List<DelaySample>();
        await using var row = await select.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            samples.Add(new(row.GetFieldValue<DateOnly>(0), row.GetFieldValue<double[]>(1)));
        return samples;
    }
}
