using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using TrackAi.Contracts;

namespace TrackAi.Host.CommandLine;

/// <summary><c>match rules|what-if|shadow</c>: the rules by which sales are joined to clicks, and what others would change.</summary>
internal static class MatchCommands
{
    private const int ExamplesShown = 20;

    // What a file misspells must not be passed over.
    private static readonly JsonSerializerOptions FileFormat = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        WriteIndented = true,
    };

    private static readonly Argument<string> FileOfRules = new("FILE") { Description = "The rules as JSON; - reads them from stdin." };

    public static Command Create() =>
        new("match", "The rules by which sales are joined to clicks.")
        {
            new Command("rules", "Which rules are in force.") { Show(), Activate() },
            WhatIf(),
            Shadow(),
        };

    private static Verb Show()
    {
        var show = new Verb(
            "show",
            "Print the rules in force as a file that 'activate' and 'what-if' take; which version they are goes to stderr.",
            "match rules show > rules.json"
        );
        show.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                    {
                        var rules = await services.GetRequiredService<IMatchRules>().ShowAsync(cancellationToken);
                        if (!parsed.GetValue(Session.Json))
                            await Console.Error.WriteLineAsync(Told(rules));
                        Session.Print(parsed, rules, inForce => Console.WriteLine(JsonSerializer.Serialize(inForce.Rules, FileFormat)));
                    },
                    cancellationToken
                )
        );
        return show;
    }

    private static Verb Activate()
    {
        var activate = new Verb(
            "activate",
            "Decide sales by other rules from now on. What is decided stays as it is; try the rules with 'match what-if' first.",
            "match rules activate rules.json"
        )
        {
            FileOfRules,
        };
        activate.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                        Session.Print(
                            parsed,
                            await services
                                .GetRequiredService<IMatchRules>()
                                .ActivateAsync(
                                    await ReadAsync(parsed.GetValue(FileOfRules)!, cancellationToken),
                                    Environment.UserName,
                                    cancellationToken
                                ),
                            rules => Console.WriteLine(Told(rules))
                        ),
                    cancellationToken
                )
        );
        return activate;
    }

    private static Verb WhatIf()
    {
        var file = new Option<string>("--rules") { Description = "The rules to try, as JSON; - reads them from stdin.", Required = true };
        var tenant = new Option<string?>("--tenant") { Description = "Only this tenant's sales." };
        var from = new Option<DateOnly?>("--from") { Description = "First day (UTC) of sales that reached us." };
        var to = new Option<DateOnly?>("--to") { Description = "Last day (UTC)." };
        var shadow = new Option<bool>("--shadow")
        {
            Description = "Also decide every new sale by them, and note what differs: 'match shadow' shows it.",
        };
        var whatIf = new Verb(
            "what-if",
            "Decide the sales of the log by other rules and print which matches would be gained and lost. Nothing is changed.",
            "match what-if --rules rules.json --from 2026-11-01 --to 2026-11-30",
            "match what-if --rules rules.json --shadow"
        )
        {
            file,
            tenant,
            from,
            to,
            shadow,
        };
        whatIf.SetAction(
            async (parsed, cancellationToken) =>
            {
                var rules = await ReadAsync(parsed.GetValue(file)!, cancellationToken);
                await Session.UseStartedAsync(
                    async services =>
                    {
                        var matching = services.GetRequiredService<IMatchRules>();
                        WhatIfReport? report = null;
                        await ProgressBar.ShowAsync(
                            "what-if",
                            prints: false,
                            services.GetRequiredService<TimeProvider>(),
                            async progress =>
                                report = await matching.WhatIfAsync(
                                    rules,
                                    parsed.GetValue(tenant),
                                    parsed.GetValue(from) is { } first ? Midnight(first) : null,
                                    parsed.GetValue(to) is { } last ? Midnight(last.AddDays(1)) : null,
                                    (position, mark) => progress(ProgressBar.Percent(position, 0, mark), $"{position}/{mark}"),
                                    cancellationToken
                                )
                        );
                        if (parsed.GetValue(shadow))
                            await matching.ShadowAsync(rules, cancellationToken);
                        Session.Print(parsed, report!, Print);
                        if (parsed.GetValue(shadow) && !parsed.GetValue(Session.Json))
                            Console.WriteLine(
                                "From now on every new sale is decided by them, too, beside the rules in force: see 'match shadow'."
                            );
                    },
                    cancellationToken
                );
                return 0;
            }
        );
        return whatIf;
    }

    private static Verb Shadow()
    {
        var stop = new Option<bool>("--stop") { Description = "Try them no longer, and forget what they came to." };
        var shadow = new Verb(
            "shadow",
            "What the rules that are tried beside those in force would have decided otherwise so far.",
            "match shadow",
            "match shadow --stop"
        )
        {
            stop,
        };
        shadow.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                    {
                        var matching = services.GetRequiredService<IMatchRules>();
                        var report =
                            await matching.ShadowReportAsync(cancellationToken)
                            ?? throw new CommandFailedException(
                                "no rules are tried in the shadow; start with 'match what-if --rules FILE --shadow'."
                            );
                        if (parsed.GetValue(stop))
                            await matching.ShadowAsync(null, cancellationToken);
                        Session.Print(parsed, report, Print);
                        if (parsed.GetValue(stop) && !parsed.GetValue(Session.Json))
                            Console.WriteLine("They are tried no longer.");
                    },
                    cancellationToken
                )
        );
        return shadow;
    }

    private static async Task<MatchRuleSet> ReadAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            var json =
                path == "-" ? await Console.In.ReadToEndAsync(cancellationToken) : await File.ReadAllTextAsync(path, cancellationToken);
            return JsonSerializer.Deserialize<MatchRuleSet>(json, FileFormat)
                ?? throw new CommandFailedException($"{path}: holds no rules.");
        }
        catch (JsonException wrong)
        {
            throw new CommandFailedException($"{path}: {wrong.Message} Compare with 'match rules show'.");
        }
        catch (IOException unreadable)
        {
            throw new CommandFailedException(unreadable.Message);
        }
    }

    private static string Told(MatchRulesInForce rules) =>
        rules.ActivatedAt is { } at
            ? $"Version {rules.Version}, '{rules.Rules.Name}', in force since {at.ToUniversalTime():yyyy-MM-dd HH:mm:ss} UTC, activated by {rules.By}."
            : $"Version {rules.Version}, as built in: no rules were ever activated.";

    private static string Day(DateTimeOffset at) => at.ToUniversalTime().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static DateTimeOffset Midnight(DateOnly day) => new(day.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero);

    private static void Print(WhatIfReport report)
    {
        Console.WriteLine(
            $"'{report.Rules}' against version {report.AgainstVersion}: of {report.Sales} sales {report.Matched} are matched ({Percent(report.Matched, report.Sales)}), {report.WouldMatch} would be ({Percent(report.WouldMatch, report.Sales)})."
        );
        if (report.NotJudged > 0)
            Console.WriteLine(
                $"{report.NotJudged} more sales of this period could not be judged: they happened before {Day(report.CompleteFrom)}, and clicks from before that day are not kept."
            );
        if (report.PartlyJudged > 0)
            Console.WriteLine(
                $"Of {report.PartlyJudged} of the sales a part of the window lies before {Day(report.CompleteFrom)}: matches may be missing on both sides."
            );
        if (report.Differences.Count == 0)
        {
            Console.WriteLine("Nothing would be decided otherwise.");
            return;
        }

        Console.WriteLine();
        PrintBy("BY RULE", report, one => one.Kind == "lost" ? Name(one.Was) : Name(one.Would));
        PrintBy("BY CAMPAIGN", report, one => one.Campaign ?? "-");
        Session.Table(
            ["CONVERSION", "TENANT", "", "NOW", "WOULD BE", "VALUE"],
            [
                .. report
                    .Differences.Take(ExamplesShown)
                    .Select(
                        IReadOnlyList<string> (one) =>
                            [
                                one.ConversionId,
                                one.TenantId,
                                one.Kind,
                                Of(one.Was, one.WasClickId),
                                Of(one.Would, one.WouldClickId),
                                Money(one.Value.Amount, one.Value.Currency),
                            ]
                    ),
            ]
        );
        if (report.Differences.Count > ExamplesShown)
            Console.WriteLine($"… and {report.Differences.Count - ExamplesShown} more (--json has all).");
    }

    private static void PrintBy(string title, WhatIfReport report, Func<MatchDifference, string> of)
    {
        Session.Table(
            [title, "GAINED", "LOST", "MOVED", "REVENUE GAINED", "REVENUE LOST"],
            [
                .. report
                    .Differences.GroupBy(of, StringComparer.Ordinal)
                    .OrderByDescending(group => group.Count())
                    .ThenBy(group => group.Key, StringComparer.Ordinal)
                    .Take(ExamplesShown)
                    .Select(
                        IReadOnlyList<string> (group) =>
                            [
                                group.Key,
                                $"{group.Count(one => one.Kind == "gained")}",
                                $"{group.Count(one => one.Kind == "lost")}",
                                $"{group.Count(one => one.Kind == "moved")}",
                                Revenue(group.Where(one => one.Kind == "gained")),
                                Revenue(group.Where(one => one.Kind == "lost")),
                            ]
                    ),
            ]
        );
        Console.WriteLine();
    }

    // Never added across currencies.
    private static string Revenue(IEnumerable<MatchDifference> differences) =>
        string.Join(
            " + ",
            differences
                .GroupBy(one => one.Value.Currency, StringComparer.Ordinal)
                .OrderBy(currency => currency.Key, StringComparer.Ordinal)
                .Select(currency => Money(currency.Sum(one => one.Value.Amount), currency.Key))
                .DefaultIfEmpty("-")
        );

    private static string Money(decimal amount, string currency) =>
        string.Create(CultureInfo.InvariantCulture, $"{amount:0.00} {currency}");

    private static string Of(MatchRule? rule, string? clickId) => rule is null ? "-" : $"{Name(rule)} {clickId}";

    private static string Name(MatchRule? rule) => rule is null ? "-" : JsonNamingPolicy.SnakeCaseLower.ConvertName($"{rule}");

    private static string Percent(long part, long whole) =>
        whole == 0 ? "-" : string.Create(CultureInfo.InvariantCulture, $"{100m * part / whole:0.0} %");
}
