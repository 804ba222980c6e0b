using Npgsql;

namespace TrackAi.EventStore;

/// <summary>
/// What stands in a schema, object by object, in words that can be compared: tables, columns, constraints, indexes, triggers, sequences, views and functions.
/// </summary>
internal static class SchemaCatalogue
{
    /// <summary>Names and definitions, without the schema's own name in them.</summary>
    public static async Task<IReadOnlyDictionary<string, string>> ReadAsync(
        NpgsqlConnection connection,
        string schema,
        CancellationToken cancellationToken
    )
    {
        // With the schema first on the path Postgres leaves its name out of every definition but an index's.
        await using (var path = new NpgsqlCommand($"set local search_path = {schema}", connection))
            await path.ExecuteNonQueryAsync(cancellationToken);

        await using var select = new NpgsqlCommand(
            """
            select 'column ' || c.relname || '.' || a.attname,
                   format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end
                   || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') || case when a.attidentity <> '' then ' identity' else '' end
            from pg_class c
            join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
            where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p')
            union all
            select 'constraint ' || c.relname || '.' || k.conname, pg_get_constraintdef(k.oid)
            from pg_constraint k join pg_class c on c.oid = k.conrelid where k.connamespace = $1::regnamespace
            union all
            select 'index ' || c.relname, replace(pg_get_indexdef(c.oid), $1 || '.', '')
            from pg_class c where c.relnamespace = $1::regnamespace and c.relkind in ('i', 'I')
            union all
            select 'trigger ' || c.relname || '.' || t.tgname, replace(pg_get_triggerdef(t.oid), $1 || '.', '')
            from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.relnamespace = $1::regnamespace and not t.tgisinternal
            union all
            select 'table ' || c.relname, case c.relpersistence when 'p' then 'logged' else 'not logged' end
            from pg_class c where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p')
            union all
            select 'sequence ' || c.relname, s.seqstart || ' by ' || s.seqincrement || ' cache ' || s.seqcache
            from pg_class c join pg_sequence s on s.seqrelid = c.oid where c.relnamespace = $1::regnamespace
            union all
            select 'view ' || c.relname, pg_get_viewdef(c.oid) from pg_class c where c.relnamespace = $1::regnamespace and c.relkind = 'v'
            union all
            select 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
                   md5(p.prosrc) || ' returns ' || pg_get_function_result(p.oid) || coalesce(' ' || array_to_string(p.proconfig, ' '), '')
            from pg_proc p where p.pronamespace = $1::regnamespace
            """,
            connection
        )
        {
            Parameters = { new() { Value = schema } },
        };
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        await using var rows = await select.ExecuteReaderAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
            found[rows.GetString(0)] = rows.GetString(1);
        return found;
    }

    /// <summary>
    /// The same after every view was made again from its own definition, as a rebuild does: Postgres writes some expressions differently then.
    /// </summary>
    public static async Task<IReadOnlyDictionary<string, string>> ResayViewsAsync(
        NpgsqlConnection connection,
        string schema,
        IReadOnlyDictionary<string, string> wanted,
        CancellationToken cancellationToken
    )
    {
        foreach (var (name, definition) in wanted.Where(one => one.Key.StartsWith("view ", StringComparison.Ordinal)))
        {
            await using var resay = new NpgsqlCommand($"create or replace view {name["view ".Length..]} as {definition}", connection);
            await resay.ExecuteNonQueryAsync(cancellationToken);
        }

        return await ReadAsync(connection, schema, cancellationToken);
    }

    /// <summary>What is missing, different, or too much on a table that is known. Tables of others are nobody's business.</summary>
    public static IEnumerable<SchemaDifference> Compare(
        IReadOnlyDictionary<string, string> wanted,
        IReadOnlyDictionary<string, string> resaid,
        IReadOnlyDictionary<string, string> found
    )
    {
        var tables = wanted
            .Keys.Where(name => name.StartsWith("column ", StringComparison.Ordinal))
            .Select(TableOf)
            .ToHashSet(StringComparer.Ordinal);
        foreach (var (name, definition) in wanted.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            if (!found.TryGetValue(name, out var actual))
                yield return new SchemaDifference("database", name, "is missing");
            else if (actual != definition && actual != resaid[name])
                yield return new SchemaDifference("database", name, $"is '{Short(actual)}', not '{Short(definition)}'");

        foreach (
            var name in found
                .Keys.Except(wanted.Keys, StringComparer.Ordinal)
                .Where(name => IsOnTable(name, tables, found))
                .Order(StringComparer.Ordinal)
        )
            yield return new SchemaDifference("database", name, "is not ours; Marten's migration would drop what is added to a mt_* table");
    }

    private static bool IsOnTable(string name, HashSet<string> tables, IReadOnlyDictionary<string, string> found) =>
        name.Split(' ')[0] switch
        {
            "column" or "constraint" => tables.Contains(TableOf(name)),
            "index" => tables.Any(table => found[name].Contains($" ON {table} ", StringComparison.Ordinal)),
            _ => false,
        };

    private static string Short(string definition) => definition.Length <= 120 ? definition : $"{definition.AsSpan(0, 120)}…";

    private static string TableOf(string name) => name.Split(' ', 2)[1].Split('.')[0];
}
