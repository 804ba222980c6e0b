using System.Collections.Frozen;
using Microsoft.FeatureManagement;
using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Host.Flags;

/// <summary>The flags that a command switched: in a table, in memory, and as a notification from the one to the other.</summary>
internal sealed class FeatureFlags(NpgsqlDataSource database, ConfigurationFeatureDefinitionProvider configured, TimeProvider time)
    : IFeatureFlags
{
    public const string Channel = "trackai_flags";

    /// <summary>Every flag there is.</summary>
    public static readonly IReadOnlyList<string> Names =
    [
        .. TrackAiApplication.GatewayNames.Select(gateway => $"gateway_{gateway}"),
        "analytics_views",
        "circuit_breaker",
    ];

    private volatile FrozenDictionary<string, bool> switched = FrozenDictionary<string, bool>.Empty;

    /// <summary>As it was last read; null for a flag that no command switched.</summary>
    public bool? Find(string name) => switched.TryGetValue(name, out var isOn) ? isOn : null;

    public async Task ReloadAsync(CancellationToken cancellationToken) =>
        switched = (await ReadAsync(cancellationToken)).ToFrozenDictionary(row => row.Key, row => row.Value.IsOn, StringComparer.Ordinal);

    public async Task<IReadOnlyList<FeatureFlag>> ListAsync(CancellationToken cancellationToken = default)
    {
        var rows = await ReadAsync(cancellationToken);
        var flags = new List<FeatureFlag>();
        foreach (var name in Names)
            flags.Add(
                rows.TryGetValue(name, out var row) ? new(name, row.IsOn, FlagSource.Command, row.At)
                : await configured.GetFeatureDefinitionAsync(name) is { } definition
                    ? new(
                        name,
                        definition.Status != FeatureStatus.Disabled && definition.EnabledFor.Any(),
                        FlagSource.Configuration,
                        SwitchedAt: null
                    )
                : new(name, IsOn: true, FlagSource.Default, SwitchedAt: null)
            );
        return flags;
    }

    public async Task<bool> SetAsync(string name, bool? isOn, CancellationToken cancellationToken = default)
    {
        if (!Names.Contains(name, StringComparer.Ordinal))
            throw new ArgumentException($"There is no flag '{name}'; give one of {string.Join(", ", Names)}.", nameof(name));
        // What is like that already is left alone, with its time.
        await using var change = database.CreateCommand(
            """
            with changed as (
                insert into feature_flag (name, is_on, switched_at) select $1, $2, $3 where $2 is not null
                on conflict (name) do update set is_on = excluded.is_on, switched_at = excluded.switched_at
                where feature_flag.is_on <> excluded.is_on
                returning 1
            ), gone as (
                delete from feature_flag where name = $1 and $2 is null returning 1
            )
            select pg_notify($4, $1) from (select from changed union all select from gone) any_of_them
            """
        );
        change.Parameters.AddWithValue(name);
        change.Parameters.Add(new() { Value = (object?)isOn ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Boolean });
        change.Parameters.AddWithValue(time.GetUtcNow());
        change.Parameters.AddWithValue(Channel);
        await using var reader = await change.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken);
    }

    private async Task<Dictionary<string, (bool IsOn, DateTimeOffset At)>> ReadAsync(CancellationToken cancellationToken)
    {
        await using var select = database.CreateCommand("select name, is_on, switched_at from feature_flag");
        var rows = new Dictionary<string, (bool, DateTimeOffset)>(StringComparer.Ordinal);
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            rows[reader.GetString(0)] = (reader.GetBoolean(1), reader.GetFieldValue<DateTimeOffset>(2));
        return rows;
    }
}
