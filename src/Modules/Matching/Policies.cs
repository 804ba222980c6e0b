using TrackAi.Contracts;

namespace TrackAi.Matching;

/// <summary>The rules that are built in, and what rules must be to be used.</summary>
internal static class Policies
{
    public const int BuiltInVersion = 1;

    private static readonly TimeSpan GuessWindow = TimeSpan.FromHours(1);

    public static MatchRuleSet BuiltIn(MatchingOptions options)
    {
        var window = TimeSpan.FromDays(options.WindowDays);
        return new(
            "built in",
            new MatchPolicy(
                MatchTouch.Last,
                [
                    new(MatchRule.ClickToken, 1.0, window),
                    new(MatchRule.Fbclid, 0.98, window),
                    new(MatchRule.TrackingId, 0.90, window),
                    new(MatchRule.Fbp, 0.85, window),
                    new(MatchRule.EmailHash, 0.80, window),
                    new(MatchRule.PhoneHash, 0.75, window),
                    new(MatchRule.ExternalId, 0.70, window),
                    new(MatchRule.IpUserAgent, 0.40, GuessWindow),
                    new(MatchRule.AdId, 0.30, GuessWindow),
                ]
            ),
            []
        );
    }

    /// <summary>Throws <see cref="MatchRulesRefusedException"/> naming the field.</summary>
    public static void Check(MatchRuleSet rules, MatchingOptions options)
    {
        if (string.IsNullOrWhiteSpace(rules.Name) || rules.Name.Length > 100)
            throw new MatchRulesRefusedException("name: give the rules a name of at most 100 characters.");
        Check("policy", rules.Policy, options);
        foreach (var (index, one) in (rules.Overrides ?? throw Missing("overrides", "a list; [] where there are none")).Index())
        {
            if (!TenantSlug.IsValid(one.Tenant))
                throw new MatchRulesRefusedException($"overrides[{index}].tenant: must be a tenant's slug.");
            Check($"overrides[{index}].policy", one.Policy, options);
        }

        if (rules.Overrides.GroupBy(one => (one.Tenant, one.Funnel)).FirstOrDefault(group => group.Count() > 1) is { Key: var twice })
            throw new MatchRulesRefusedException(
                $"overrides: {twice.Tenant}{(twice.Funnel is null ? "" : $"/{twice.Funnel}")} is there twice."
            );
    }

    private static void Check(string field, MatchPolicy? policy, MatchingOptions options)
    {
        if (policy?.Rules is not { Count: > 0 } rules)
            throw Missing($"{field}.rules", "at least one rule");
        if (rules.GroupBy(one => one.Rule).FirstOrDefault(group => group.Count() > 1) is { Key: var twice })
            throw new MatchRulesRefusedException($"{field}.rules: {twice} is there twice.");
        if (rules.FirstOrDefault(one => one.Rule == MatchRule.Fbc) is not null)
            throw new MatchRulesRefusedException($"{field}.rules: Fbc is told by Fbclid, which a click cookie holds; leave it out.");
        if (rules.FirstOrDefault(one => one.Score is not (> 0 and <= 1)) is { Rule: var unsure })
            throw new MatchRulesRefusedException($"{field}.rules.{unsure}.score: must be above 0 and at most 1.");
        if (
            rules.FirstOrDefault(one => one.Window <= TimeSpan.Zero || one.Window > TimeSpan.FromDays(options.LookBackDays)) is
            { Rule: var wide }
        )
            throw new MatchRulesRefusedException(
                $"{field}.rules.{wide}.window: must be above 0 and at most {options.LookBackDays} days (Matching:LookBackDays), written d.hh:mm:ss."
            );
    }

    private static MatchRulesRefusedException Missing(string field, string what) => new($"{field}: must be {what}.");
}
