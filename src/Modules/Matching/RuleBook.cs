using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization;
using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;

namespace TrackAi.Matching;

/// <summary>Rules, and from which position of the log on they count.</summary>
internal sealed record RulesFrom(int Version, long Position, MatchRuleSet Rules);

/// <summary>Which rules are in force at which position, and those in the shadow.</summary>
internal sealed record RulesAsOf(IReadOnlyList<RulesFrom> Activated, MatchRuleSet? Shadow)
{
    /// <summary>The rules a sale at this position is decided by, for ever: also what comes late is judged by them.</summary>
    public RulesFrom At(long position) => Activated.Last(rules => rules.Position < position);
}

/// <summary>The rules that were activated, as a copy of the log's in a table.</summary>
internal sealed class RuleBook(MatchingOptions options)
{
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter() },
        WriteIndented = true,
    };

    // A version never changes.
    private readonly ConcurrentDictionary<int, RulesFrom> known = new();
    private (string Json, MatchRuleSet Rules)? shadow;

    public async Task<RulesAsOf> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var activated = new List<RulesFrom> { new(Policies.BuiltInVersion, long.MinValue, Policies.BuiltIn(options)) };
        MatchRuleSet? tried = null;
        await using var select = new NpgsqlCommand(
            """
            select version, position, rules::text from match_rules
            union all
            select 0, 0, rules::text from match_shadow
            order by 1
            """,
            connection
        );
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            if (reader.GetInt32(0) == 0)
                tried = Shadow(reader.GetString(2));
            else
                activated.Add(known.GetOrAdd(reader.GetInt32(0), version => new(version, reader.GetInt64(1), Parse(reader.GetString(2)))));
        }

        return new RulesAsOf(activated, tried);
    }

    public static void Learn(RoundTrip trip, MatchRulesActivated activated, long position) =>
        trip.Add(
            "insert into match_rules (version, position, rules, activated_by, activated_at) values ($1, $2, $3, $4, $5) on conflict do nothing",
            new NpgsqlParameter { Value = activated.Version },
            new NpgsqlParameter { Value = position },
            new NpgsqlParameter { Value = Text(activated.Rules), NpgsqlDbType = NpgsqlDbType.Jsonb },
            new NpgsqlParameter { Value = activated.By, NpgsqlDbType = NpgsqlDbType.Varchar },
            new NpgsqlParameter { Value = activated.ActivatedAt.ToUniversalTime() }
        );

    public static string Text(MatchRuleSet rules) => JsonSerializer.Serialize(rules, Json);

    public static MatchRuleSet Parse(string json) =>
        JsonSerializer.Deserialize<MatchRuleSet>(json, Json) ?? throw new MatchRulesRefusedException("rules: must be a JSON object.");

    private MatchRuleSet Shadow(string json)
    {
        if (shadow is not { } read || read.Json != json)
            shadow = read = (json, Parse(json));
        return read.Rules;
    }
}
