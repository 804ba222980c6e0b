using NpgsqlTypes;

namespace TrackAi.EventStore;

/// <summary>A table whose rows may be written by an append, in its transaction. Declared as data, so that a batch writes all rows in one statement.</summary>
public interface ISideEffectTable
{
    Type RowType { get; }

    /// <summary>Takes <c>$1</c> = the request numbers (int[]) and one array a column; writes only rows of accepted requests.</summary>
    string Sql { get; }

    IReadOnlyList<NpgsqlDbType> ColumnTypes { get; }

    /// <summary>One array a column, of the rows given.</summary>
    IReadOnlyList<Array> ToColumns(IReadOnlyList<object> rows);
}

/// <summary>A column of a side-effect table: its name, its type and where the value comes from. Null is stored as null.</summary>
public sealed record SideEffectColumn<TRow>(string Name, NpgsqlDbType Type, Func<TRow, object?> Value);

/// <inheritdoc cref="ISideEffectTable"/>
public sealed class SideEffectTable<TRow> : ISideEffectTable
{
    private readonly IReadOnlyList<SideEffectColumn<TRow>> columns;

    /// <param name="table">Unqualified name of the table.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="onConflict">Such as <c>on conflict do nothing</c>; without it a conflict fails the append.</param>
    public SideEffectTable(string table, IReadOnlyList<SideEffectColumn<TRow>> columns, string onConflict = "")
    {
        this.columns = columns;
        var names = string.Join(", ", columns.Select(column => column.Name));
        var arrays = string.Join(", ", columns.Select((_, index) => $"${index + 2}"));
        Sql = $"""
            insert into {table} ({names})
            select {string.Join(", ", columns.Select(column => "r." + column.Name))} from unnest($1, {arrays}) r(request, {names})
            where r.request = any (current_setting('trackai.appended')::int[])
            {onConflict}
            """;
    }

    public Type RowType => typeof(TRow);

    public string Sql { get; }

    public IReadOnlyList<NpgsqlDbType> ColumnTypes => [.. columns.Select(column => column.Type)];

    public IReadOnlyList<Array> ToColumns(IReadOnlyList<object> rows) => [.. columns.Select(column => TypedArray(column, rows))];

    private static Array TypedArray(SideEffectColumn<TRow> column, IReadOnlyList<object> rows)
    {
        T[] Values<T>() => [.. rows.Select(row => (T)column.Value((TRow)row)!)];

        return column.Type switch
        {
            NpgsqlDbType.Varchar or NpgsqlDbType.Text or NpgsqlDbType.Jsonb => Values<string?>(),
            NpgsqlDbType.Bytea => Values<byte[]?>(),
            NpgsqlDbType.Uuid => Values<Guid?>(),
            NpgsqlDbType.Integer => Values<int?>(),
            NpgsqlDbType.Bigint => Values<long?>(),
            NpgsqlDbType.Boolean => Values<bool?>(),
            NpgsqlDbType.Numeric => Values<decimal?>(),
            NpgsqlDbType.TimestampTz => Values<DateTimeOffset?>(),
            _ => throw new NotSupportedException($"Side-effect column {column.Name}: type {column.Type} is not supported."),
        };
    }
}
