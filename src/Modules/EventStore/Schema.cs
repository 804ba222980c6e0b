using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Npgsql;

namespace TrackAi.EventStore;

/// <summary>A module's numbered, embedded scripts, <c>Schema/NNNN_what.sql</c>. A script is never edited after its release.</summary>
public sealed record SchemaModule(string Name, Assembly Assembly, int Order);

/// <summary>One difference between the database and what this program needs.</summary>
public sealed record SchemaDifference(string Module, string Script, string Difference);

/// <summary>Creates and upgrades the schema: idempotent, safe when several hosts start at once, refuses to touch a newer one.</summary>
public sealed partial class SchemaMigrator(NpgsqlDataSource dataSource, IEnumerable<SchemaModule> modules)
{
    // Any fixed number: it only has to be ours.
    private const long LockKey = 0x54524B5343484D41;

    /// <summary>Applies what is missing, in one transaction; returns the scripts applied.</summary>
    public async Task<IReadOnlyList<string>> ApplyAsync(CancellationToken cancellationToken = default)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(connection, $"select pg_advisory_xact_lock({LockKey})", cancellationToken);
        await ExecuteAsync(
            connection,
            """
            create table if not exists schema_version (
                module      varchar     not null,
                script      varchar     not null,
                checksum    varchar     not null,
                applied_at  timestamptz not null default now(),
                primary key (module, script)
            )
            """,
            cancellationToken
        );

        var applied = await ReadAppliedAsync(connection, cancellationToken);
        RefuseIfNewer(applied);
        Script[] missing = [.. Scripts().Where(script => !applied.ContainsKey((script.Module, script.Name)))];
        RefuseIfOfAnotherPast(applied, missing);
        var done = new List<string>();
        foreach (var script in missing)
        {
            await ExecuteAsync(connection, script.Sql, cancellationToken);
            await using var record = new NpgsqlCommand(
                "insert into schema_version (module, script, checksum) values ($1, $2, $3)",
                connection
            )
            {
                Parameters =
                {
                    new() { Value = script.Module },
                    new() { Value = script.Name },
                    new() { Value = script.Checksum },
                },
            };
            await record.ExecuteNonQueryAsync(cancellationToken);
            done.Add($"{script.Module}/{script.Name}");
        }

        await transaction.CommitAsync(cancellationToken);
        return done;
    }

    /// <summary>
    /// For a database that somebody else upgrades: throws <see cref="SchemaException"/> unless all of this program's scripts were applied, and no newer
    /// one's. Changes nothing.
    /// </summary>
    public async Task RequireAsync(CancellationToken cancellationToken = default)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        var applied = await ReadAppliedIfAnyAsync(connection, cancellationToken);
        RefuseIfNewer(applied);
        Script[] missing = [.. Scripts().Where(script => !applied.ContainsKey((script.Module, script.Name)))];
        if (missing.Length > 0)
            throw new SchemaException(
                $"The database lacks {missing.Length} of this version's scripts (the first is {missing[0].Module}/{missing[0].Name}): run 'db apply'."
            );
    }

    /// <summary>What differs; empty when the database is as this program needs it.</summary>
    public async Task<IReadOnlyList<SchemaDifference>> AssertAsync(CancellationToken cancellationToken = default)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        var applied = await ReadAppliedIfAnyAsync(connection, cancellationToken);
        var scripts = Scripts().ToArray();
        var missing = scripts
            .Where(script => !applied.ContainsKey((script.Module, script.Name)))
            .Select(script => new SchemaDifference(script.Module, script.Name, "not applied; run 'db apply'"));
        var changed = scripts
            .Where(script => IsEdited(script, applied))
            .Select(script => new SchemaDifference(script.Module, script.Name, "was edited after it was applied"));
        var unknown = applied
            .Keys.Except(scripts.Select(script => (script.Module, script.Name)))
            .Select(script => new SchemaDifference(script.Item1, script.Item2, "applied by a newer program than this one"));
        SchemaDifference[] scriptwise = [.. missing, .. changed, .. unknown];
        return scriptwise.Length > 0 ? scriptwise : await CompareObjectsAsync(connection, scripts, cancellationToken);
    }

    // The scripts are run once more, in a schema that is rolled back, and both are compared object by object: what was dropped or changed by hand
    // after they were applied shows.
    private static async Task<IReadOnlyList<SchemaDifference>> CompareObjectsAsync(
        NpgsqlConnection connection,
        IReadOnlyList<Script> scripts,
        CancellationToken cancellationToken
    )
    {
        const string Scratch = "es_assert";
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(connection, $"create schema {Scratch}; set local search_path = {Scratch}", cancellationToken);
        foreach (var script in scripts)
            await ExecuteAsync(connection, script.Sql, cancellationToken);
        var wanted = await SchemaCatalogue.ReadAsync(connection, Scratch, cancellationToken);
        var resaid = await SchemaCatalogue.ResayViewsAsync(connection, Scratch, wanted, cancellationToken);
        var found = await SchemaCatalogue.ReadAsync(connection, "public", cancellationToken);
        await transaction.RollbackAsync(cancellationToken);
        return [.. SchemaCatalogue.Compare(wanted, resaid, found)];
    }

    private void RefuseIfNewer(Dictionary<(string, string), string> applied)
    {
        var unknown = applied.Keys.Except(Scripts().Select(script => (script.Module, script.Name))).Order().ToArray();
        if (unknown.Length > 0)
            throw new SchemaException(
                $"The database was upgraded by a newer TrackAi (script {unknown[0].Item1}/{unknown[0].Item2}). Start that version; this one would damage it."
            );
    }

    // What comes next was written for what the script says now: over something else it would break off in the middle, or worse, not.
    private void RefuseIfOfAnotherPast(Dictionary<(string, string), string> applied, Script[] missing)
    {
        if (missing.Length > 0 && Scripts().FirstOrDefault(script => IsEdited(script, applied)) is { } edited)
            throw new SchemaException(
                $"The database cannot be upgraded: {edited.Module}/{edited.Name} was another script when it was applied, as in a version under development. "
                    + "It was left as it is. Use a new database (or data directory), or the program that made this one."
            );
    }

    private static bool IsEdited(Script script, Dictionary<(string, string), string> applied) =>
        applied.TryGetValue((script.Module, script.Name), out var checksum) && checksum != script.Checksum;

    /// <summary>A module's scripts in their order.</summary>
    internal static IEnumerable<string> ScriptsOf(SchemaModule module) => Load(module).Select(script => script.Sql);

    private IEnumerable<Script> Scripts() => modules.OrderBy(module => module.Order).SelectMany(Load);

    private static IEnumerable<Script> Load(SchemaModule module) =>
        module
            .Assembly.GetManifestResourceNames()
            .Select(resource => (Resource: resource, Match: ScriptName().Match(resource)))
            .Where(resource => resource.Match.Success)
            .OrderBy(resource => resource.Match.Value, StringComparer.Ordinal)
            .Select(resource => Script.Load(module, resource.Resource, resource.Match.Value));

    private static async Task<Dictionary<(string, string), string>> ReadAppliedIfAnyAsync(
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        await using var exists = new NpgsqlCommand("select to_regclass('schema_version') is not null", connection);
        return await exists.ExecuteScalarAsync(cancellationToken) is true ? await ReadAppliedAsync(connection, cancellationToken) : [];
    }

    private static async Task<Dictionary<(string, string), string>> ReadAppliedAsync(
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        var applied = new Dictionary<(string, string), string>();
        await using var select = new NpgsqlCommand("select module, script, checksum from schema_version", connection);
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            applied[(reader.GetString(0), reader.GetString(1))] = reader.GetString(2);
        return applied;
    }

    // A script over a large database takes as long as it takes.
    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    [GeneratedRegex(@"[0-9]{4}_[a-z0-9_]+\.sql$", RegexOptions.None, 1000)]
    private static partial Regex ScriptName();

    private sealed record Script(string Module, string Name, string Sql, string Checksum)
    {
        public static Script Load(SchemaModule module, string resource, string name)
        {
            using var reader = new StreamReader(module.Assembly.GetManifestResourceStream(resource)!);
            var sql = reader.ReadToEnd();
            return new Script(module.Name, name, sql, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sql))));
        }
    }
}
