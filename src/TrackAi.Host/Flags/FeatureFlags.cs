using System.Collections.Frozen;
using Microsoft.FeatureManagement;
using Npgsql;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Host.Flags;

/// <summary>The flags that a command switched: in a table, in memory, and as a notification from the one to the other.</summary>
internal sealed class FeatureFlags(
    NpgsqlDataSource database,
    PostgresEventStore store,
    ConfigurationFeatureDefinitionProvider configured,
    TimeProvider time
) : IFeatureFlags
{
    // "FLAG"; the form with two keys stays clear of the one-key locks of the event store.
    private const int LockClass = 0x464C4147;

    private static readonly StreamId Log = new(Streams.NoTenant, Streams.Flags);

    public const string Channel = "trackai_flags";

    /// <summary>Every flag there is.</summary>
    public static readonly IReadOnlyList<string> Names =
    [
        .. TrackAiApplication.GatewayNames.Select(gateway => $"gateway_{gateway}"),
        "analytics_views",
        "circuit_breaker",
    ];

    // What the configuration said when it was last asked; only FlagRefresh asks, one time after the other.
    private Dictionary<string, bool> said = new(StringComparer.Ordinal);
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
            flags.Add(rows.TryGetValue(name, out var row) ? new(name, row.IsOn, FlagSource.Command, row.At) : await ConfiguredAsync(name));
        return flags;
    }

    public async Task<bool> SetAsync(string name, bool? isOn, CancellationToken cancellationToken = default)
    {
        if (!Names.Contains(name, StringComparer.Ordinal))
            throw new ArgumentException($"There is no flag '{name}'; give one of {string.Join(", ", Names)}.", nameof(name));
        await using var session = await store.OpenSessionAsync(cancellationToken);
        if (!await SwitchAsync(name, isOn, session.Connection, cancellationToken))
            return false;
        var now = isOn is { } commanded ? new(name, commanded, FlagSource.Command, null) : await ConfiguredAsync(name);
        session.Append(new Append(Log, [FactOf(now)]) { CausationId = Actor.Current });
        await session.CommitAsync(cancellationToken);
        return true;
    }

    /// <summary>
    /// What this host's configuration says now, and did not when it was last asked, becomes a fact, unless it is what was written down last. Hosts
    /// that are configured differently do not contradict one another for ever.
    /// </summary>
    public async Task RecordConfiguredAsync(CancellationToken cancellationToken)
    {
        var says = new Dictionary<string, bool>(StringComparer.Ordinal);
        foreach (var name in Names)
            says[name] = (await ConfiguredAsync(name)).IsOn;
        var news = says.Where(flag => !said.TryGetValue(flag.Key, out var before) || before != flag.Value)
            .Select(flag => flag.Key)
            .ToHashSet(StringComparer.Ordinal);
        if (news.Count > 0)
            await RecordAsync(news, cancellationToken);
        said = says;
    }

    private async Task RecordAsync(HashSet<string> news, CancellationToken cancellationToken)
    {
        var now = (await ListAsync(cancellationToken)).Where(flag => news.Contains(flag.Name)).ToArray();
        if (!Unrecorded(await store.ReadStreamAsync(Log, cancellationToken), now).Any())
            return;
        await using var session = await store.OpenSessionAsync(cancellationToken);
        await using (var alone = new NpgsqlCommand($"select pg_advisory_xact_lock({LockClass}, 0)", session.Connection))
            await alone.ExecuteNonQueryAsync(cancellationToken);
        var facts = Unrecorded((await session.ReadStreamsAsync([Log], cancellationToken))[Log], now).Select(FactOf).ToArray();
        if (facts.Length == 0)
            return;
        session.Append(new Append(Log, facts) { CausationId = Actor.Configuration });
        await session.CommitAsync(cancellationToken);
    }

    // Before anything was written down, everything is on.
    private static IEnumerable<FeatureFlag> Unrecorded(IEnumerable<RecordedEvent> recorded, IReadOnlyList<FeatureFlag> now)
    {
        var last = recorded
            .Select(one => one.Data)
            .OfType<FeatureFlagSet>()
            .GroupBy(fact => fact.Flag, StringComparer.Ordinal)
            .ToDictionary(flag => flag.Key, flag => flag.Last().IsOn, StringComparer.Ordinal);
        return now.Where(flag => flag.Source != FlagSource.Command && flag.IsOn != last.GetValueOrDefault(flag.Name, true));
    }

    private FeatureFlagSet FactOf(FeatureFlag flag) =>
        new(flag.Name, flag.IsOn, flag.Source.ToString().ToLowerInvariant(), time.GetUtcNow());

    private async Task<FeatureFlag> ConfiguredAsync(string name) =>
        await configured.GetFeatureDefinitionAsync(name) is { } definition
            ? new(
                name,
                definition.Status != FeatureStatus.Disabled && definition.EnabledFor.Any(),
                FlagSource.Configuration,
                SwitchedAt: null
            )
            : new(name, IsOn: true, FlagSource.Default, SwitchedAt: null);

    /// <summary>False when it is like that already, which leaves it alone with its time.</summary>
    private async Task<bool> SwitchAsync(string name, bool? isOn, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var change = new NpgsqlCommand(
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
            """,
            connection
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
