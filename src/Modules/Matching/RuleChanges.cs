using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Matching;

/// <summary>Shows, activates and tries rules. What is in force is in the log; what is tried is not.</summary>
internal sealed class RuleChanges(
    PostgresEventStore store,
    NpgsqlDataSource database,
    WhatIf whatIf,
    MatchingOptions options,
    TimeProvider time
) : IMatchRules
{
    private static readonly StreamId Stream = new(Streams.NoTenant, Streams.MatchRules);

    public async Task<MatchRulesInForce> ShowAsync(CancellationToken cancellationToken = default) =>
        InForce(await LastAsync(cancellationToken));

    public async Task<MatchRulesInForce> ActivateAsync(MatchRuleSet rules, string by, CancellationToken cancellationToken = default)
    {
        Policies.Check(rules, options);
        var last = await LastAsync(cancellationToken);
        if (last is not null && RuleBook.Text(last.Rules) == RuleBook.Text(rules))
            return InForce(last);
        var activated = new MatchRulesActivated((last?.Version ?? Policies.BuiltInVersion) + 1, rules, by, time.GetUtcNow());
        var appended = await store.AppendAsync(
            new Append(Stream, [activated])
            {
                ExpectedVersion = activated.Version - Policies.BuiltInVersion - 1,
                StreamType = Streams.MatchRules,
            },
            cancellationToken
        );
        return appended is AppendResult.Appended
            ? InForce(activated)
            : throw new MatchRulesRefusedException("rules: somebody else activated others at the same moment; look at them first.");
    }

    public Task<WhatIfReport> WhatIfAsync(
        MatchRuleSet rules,
        string? tenant,
        DateTimeOffset? from,
        DateTimeOffset? to,
        Action<long, long> progress,
        CancellationToken cancellationToken = default
    )
    {
        Policies.Check(rules, options);
        return whatIf.RunAsync(rules, tenant, from, to, progress, cancellationToken);
    }

    public async Task ShadowAsync(MatchRuleSet? rules, CancellationToken cancellationToken = default)
    {
        if (rules is not null)
            Policies.Check(rules, options);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var trip = new RoundTrip(connection);
        trip.Add("delete from match_shadow");
        trip.Add("delete from match_shadow_difference");
        if (rules is not null)
            trip.Add(
                "insert into match_shadow (rules, since) values ($1, $2)",
                new NpgsqlParameter { Value = RuleBook.Text(rules), NpgsqlDbType = NpgsqlDbType.Jsonb },
                new NpgsqlParameter { Value = time.GetUtcNow() }
            );
        await trip.ExecuteAsync(cancellationToken);
    }

    public DateTimeOffset KeptFrom() => ForgetOldLookUps.Horizon(options, time.GetUtcNow());

    public async Task<WhatIfReport?> ShadowReportAsync(CancellationToken cancellationToken = default)
    {
        WhatIfReport? report = null;
        var differences = new List<MatchDifference>();
        var version = (await ShowAsync(cancellationToken)).Version;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var trip = new RoundTrip(connection);
        trip.Ask(
            "select rules::text, since, sales, matched, would_match from match_shadow",
            row =>
                report = new WhatIfReport(
                    RuleBook.Parse(row.GetString(0)).Name,
                    version,
                    row.GetFieldValue<DateTimeOffset>(1),
                    To: null,
                    row.GetInt64(2),
                    row.GetInt64(3),
                    row.GetInt64(4),
                    row.GetFieldValue<DateTimeOffset>(1),
                    differences
                )
        );
        trip.Ask(
            "select tenant_id, conversion_id, was, was_click_id, would, would_click_id, campaign, amount, currency from match_shadow_difference order by 1, 2",
            row =>
                differences.Add(
                    new MatchDifference(
                        row.GetString(0),
                        row.GetString(1),
                        row.IsDBNull(2) ? null : (MatchRule)row.GetInt16(2),
                        row.IsDBNull(3) ? null : row.GetString(3),
                        row.IsDBNull(4) ? null : (MatchRule)row.GetInt16(4),
                        row.IsDBNull(5) ? null : row.GetString(5),
                        row.IsDBNull(6) ? null : row.GetString(6),
                        new Money(row.GetDecimal(7), row.GetString(8))
                    )
                )
        );
        await trip.ExecuteAsync(cancellationToken);
        return report;
    }

    private MatchRulesInForce InForce(MatchRulesActivated? activated) =>
        activated is null
            ? new(Policies.BuiltInVersion, Policies.BuiltIn(options), ActivatedAt: null, By: null)
            : new(activated.Version, activated.Rules, activated.ActivatedAt, activated.By);

    // The first that was activated is version 2 and the stream's first event.
    private async Task<MatchRulesActivated?> LastAsync(CancellationToken cancellationToken) =>
        await store.ReadStreamAsync(Stream, cancellationToken) is { Count: > 0 } activated ? (MatchRulesActivated)activated[^1].Data : null;
}
