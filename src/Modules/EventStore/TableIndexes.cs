using Npgsql;

namespace TrackAi.EventStore;

/// <summary>The indexes and constraints of a table, taken off while it is filled and made again afterwards as they were.</summary>
internal sealed class TableIndexes
{
    private readonly IReadOnlyList<(string Drop, string Create)> statements;

    private TableIndexes(IReadOnlyList<(string, string)> statements) => this.statements = statements;

    /// <summary>Drops them, in the transaction of the connection, by the names its search path finds.</summary>
    public static async Task<TableIndexes> DropAsync(NpgsqlConnection connection, string table, CancellationToken cancellationToken)
    {
        var statements = new List<(string, string)>();
        await using (
            var select = new NpgsqlCommand(
                """
                select format('alter table %s drop constraint %I', c.conrelid::regclass, c.conname),
                       format('alter table %s add constraint %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid)),
                       case c.contype when 'f' then 0 else 2 end
                from pg_constraint c where c.conrelid = $1::regclass and c.contype in ('f', 'p', 'u')
                union all
                select format('drop index %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid), 1
                from pg_index i
                where i.indrelid = $1::regclass and not exists (select from pg_constraint c where c.conindid = i.indexrelid and c.conrelid = $1::regclass)
                order by 3
                """,
                connection
            )
            {
                Parameters = { new() { Value = table } },
            }
        )
        await using (var rows = await select.ExecuteReaderAsync(cancellationToken))
        {
            while (await rows.ReadAsync(cancellationToken))
                statements.Add((rows.GetString(0), rows.GetString(1)));
        }

        foreach (var (drop, _) in statements)
            await ExecuteAsync(connection, drop, cancellationToken);
        return new TableIndexes(statements);
    }

    /// <summary>Foreign keys last: they are checked by the keys of the other table.</summary>
    public async Task CreateAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        foreach (var (_, create) in statements.Reverse())
            await ExecuteAsync(connection, create, cancellationToken);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
