using System.Runtime.InteropServices;
using Npgsql;
using NpgsqlTypes;
using TrackAi.Analytics.Projections;
using TrackAi.Contracts;

namespace TrackAi.Analytics.Days;

internal readonly record struct TenantDay(string TenantId, DateOnly Date);

/// <summary>How many there are in a cell, and what they add up to.</summary>
internal readonly record struct DaySum(long Count, decimal Amount)
{
    public static DaySum operator +(DaySum one, DaySum other) => new(one.Count + other.Count, one.Amount + other.Amount);
}

/// <summary>One cell of a tenant's day, or what it gains or loses.</summary>
internal readonly record struct DayCell<TCell>(TenantDay Day, TCell Cell, DaySum Sum);

/// <summary>What a table keeps of a day beside its cells, worked out whenever they change.</summary>
/// <param name="Of">A value for each column, from all cells of a day.</param>
internal sealed record DayFigures<TCell>(
    IReadOnlyList<(string Name, NpgsqlDbType Type)> Columns,
    Func<IReadOnlyCollection<(TCell Cell, DaySum Sum)>, IReadOnlyList<object?>> Of
)
{
    public static readonly DayFigures<TCell> None = new([], _ => []);
}

/// <summary>
/// One row a tenant and day: the numbers of its cells (<see cref="CellTable{TCell}"/>) in their order, and a count and maybe an amount for each. A day
/// without any has no row.
/// </summary>
/// <param name="name">Unqualified where it is written: a rebuild writes another beside the live one.</param>
/// <param name="isIn">Whether a cell is in a scope, by its gateway and funnel.</param>
/// <param name="counts">The column of the counts.</param>
/// <param name="amounts">The column of the amounts; null where nothing is added up but counts.</param>
internal sealed class DayTable<TCell>(
    string name,
    CellTable<TCell> cells,
    Func<FigureScope, TCell, bool> isIn,
    string counts,
    string? amounts,
    DayFigures<TCell> figures
)
    where TCell : notnull
{
    private readonly string upsert = UpsertOf(
        name,
        [
            "tenant_id",
            "date",
            "cells",
            counts,
            .. amounts is null ? [] : (string[])[amounts],
            .. figures.Columns.Select(column => column.Name),
        ]
    );

    public string Name => name;

    /// <summary>Adds to cells and takes from them, in the transaction of the connection. What is in the rows depends on the sums alone, not on how they came about.</summary>
    public async Task AddAsync(IReadOnlyCollection<DayCell<TCell>> moves, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (moves.Count == 0)
            return;
        var days = await ReadAsync([.. moves.Select(move => move.Day).Distinct()], connection, cancellationToken);
        var before = await cells.FindAsync(days.Values.SelectMany(day => day.Keys), connection, cancellationToken);
        var known = new Dictionary<long, TCell>(before);
        foreach (var move in moves)
        {
            var id = cells.IdOf(move.Cell);
            known[id] = move.Cell;
            ref var day = ref CollectionsMarshal.GetValueRefOrAddDefault(days, move.Day, out _);
            day ??= [];
            ref var sum = ref CollectionsMarshal.GetValueRefOrAddDefault(day, id, out _);
            sum += move.Sum;
        }

        await using var batch = new NpgsqlBatch(connection);
        cells.WriteTo(batch, moves.Select(move => move.Cell));
        var gone = new List<TenantDay>();
        foreach (var (day, sums) in days)
        {
            var filled = sums.Where(sum => sum.Value.Count != 0).OrderBy(sum => sum.Key).ToArray();
            if (filled.Length == 0)
                gone.Add(day);
            else
                batch.BatchCommands.Add(Upsert(day, filled, known));
        }

        new Rows<TenantDay>(gone)
            .Text("tenant_id", day => day.TenantId)
            .Date("date", day => day.Date)
            .WriteTo(
                batch,
                rows => $"delete from {name} d using {rows.Unnest} n({rows.Names}) where ({rows.NamesOf("d")}) = ({rows.NamesOf("n")})"
            );
        await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The cells of each scope, which are of as many tenants.</summary>
    public async Task<IEnumerable<DayCell<TCell>>> ReadAsync(
        IReadOnlyCollection<FigureScope> scopes,
        bool withAmounts,
        NpgsqlDataSource dataSource,
        CancellationToken cancellationToken
    )
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var select = new NpgsqlCommand(
            $"""
            select d.tenant_id, d.date, d.cells, d.{counts}{(withAmounts ? $", d.{amounts}" : "")}
            from unnest($1, $2, $3) s(tenant_id, first, last)
            join {name} d on d.tenant_id = s.tenant_id and d.date between s.first and s.last
            """,
            connection
        )
        {
            Parameters =
            {
                new()
                {
                    Value = scopes.Select(scope => scope.TenantId).ToArray(),
                    NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar,
                },
                new() { Value = scopes.Select(scope => scope.From).ToArray() },
                new() { Value = scopes.Select(scope => scope.To).ToArray() },
            },
        };
        var rows = new List<(TenantDay Day, long[] Cells, long[] Counts, decimal[]? Amounts)>();
        await using (var row = await select.ExecuteReaderAsync(cancellationToken))
        {
            while (await row.ReadAsync(cancellationToken))
                rows.Add(
                    (
                        new(row.GetString(0), row.GetFieldValue<DateOnly>(1)),
                        row.GetFieldValue<long[]>(2),
                        row.GetFieldValue<long[]>(3),
                        withAmounts ? row.GetFieldValue<decimal[]>(4) : null
                    )
                );
        }

        var known = await cells.FindAsync(rows.SelectMany(row => row.Cells), connection, cancellationToken);
        var scopeOf = scopes.ToDictionary(scope => scope.TenantId, StringComparer.Ordinal);
        return rows.SelectMany(row =>
            row.Cells.Select((id, at) => new DayCell<TCell>(row.Day, known[id], new DaySum(row.Counts[at], row.Amounts?[at] ?? 0)))
                .Where(one => isIn(scopeOf[one.Day.TenantId], one.Cell))
        );
    }

    private async Task<Dictionary<TenantDay, Dictionary<long, DaySum>>> ReadAsync(
        IReadOnlyCollection<TenantDay> wanted,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        await using var batch = new NpgsqlBatch(connection);
        new Rows<TenantDay>(wanted)
            .Text("tenant_id", day => day.TenantId)
            .Date("date", day => day.Date)
            .WriteTo(
                batch,
                // Lateral, so that each is one look-up, also while the table has grown and its statistics have not.
                rows =>
                    $"""
                        select d.* from {rows.Unnest} k({rows.Names})
                        cross join lateral (
                            select d.tenant_id, d.date, d.cells, d.{counts}{(amounts is null ? "" : $", d.{amounts}")} from {name} d
                            where d.tenant_id = k.tenant_id and d.date = k.date
                            limit 1
                        ) d
                        """
            );
        var days = new Dictionary<TenantDay, Dictionary<long, DaySum>>(wanted.Count);
        await using var row = await batch.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            var (ids, numbers) = (row.GetFieldValue<long[]>(2), row.GetFieldValue<long[]>(3));
            var sums = amounts is null ? null : row.GetFieldValue<decimal[]>(4);
            var day = new Dictionary<long, DaySum>(ids.Length);
            for (var at = 0; at < ids.Length; at++)
                day.Add(ids[at], new DaySum(numbers[at], sums?[at] ?? 0));
            days.Add(new(row.GetString(0), row.GetFieldValue<DateOnly>(1)), day);
        }

        return days;
    }

    private NpgsqlBatchCommand Upsert(TenantDay day, KeyValuePair<long, DaySum>[] filled, Dictionary<long, TCell> known)
    {
        var command = new NpgsqlBatchCommand(upsert)
        {
            Parameters =
            {
                new() { Value = day.TenantId },
                new() { Value = day.Date },
                new() { Value = filled.Select(sum => sum.Key).ToArray() },
                new() { Value = filled.Select(sum => sum.Value.Count).ToArray() },
            },
        };
        if (amounts is not null)
            command.Parameters.Add(new() { Value = filled.Select(sum => Decimals.Trimmed(sum.Value.Amount)).ToArray() });
        var values = figures.Of([.. filled.Select(sum => (known[sum.Key], sum.Value))]);
        for (var at = 0; at < values.Count; at++)
            command.Parameters.Add(new() { Value = values[at] ?? DBNull.Value, NpgsqlDbType = figures.Columns[at].Type });
        return command;
    }

    private static string UpsertOf(string name, IReadOnlyList<string> columns) =>
        $"""
            insert into {name} ({string.Join(", ", columns)})
            values ({string.Join(", ", columns.Select((_, index) => $"${index + 1}"))})
            on conflict (tenant_id, date) do update set {string.Join(
                ", ",
                columns.Skip(2).Select(column => $"{column} = excluded.{column}")
            )}
            """;
}
