using System.CommandLine;
using System.Globalization;
using TrackAi.Contracts;

namespace TrackAi.Host.CommandLine;

/// <summary><c>explain CONVERSION</c>: what happened to one sale and why, in the words of the timeline.</summary>
internal static class ExplainCommand
{
    public static Command Create()
    {
        var conversion = new Argument<string>("CONVERSION") { Description = "Such as perfectpay-PPCPMTB1." };
        var tenant = new Option<string>("--tenant") { Description = "Its tenant.", Required = true };
        var explain = new Verb(
            "explain",
            "What happened to one sale and why, step by step: how it was joined to its click, what each rule and each click came to, and what would have joined it.",
            "explain perfectpay-A-1001 --tenant acme"
        )
        {
            conversion,
            tenant,
        };
        explain.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                        Session.Print(
                            parsed,
                            await services
                                .GetRequiredService<IReadTimeline>()
                                .ReadAsync(parsed.GetValue(tenant)!, parsed.GetValue(conversion)!, cancellationToken)
                                ?? throw new CommandFailedException(
                                    $"tenant {parsed.GetValue(tenant)} has no conversion {parsed.GetValue(conversion)}."
                                ),
                            Print
                        ),
                    cancellationToken
                )
        );
        return explain;
    }

    private static void Print(Timeline timeline)
    {
        Console.WriteLine($"{timeline.ConversionId} of tenant {timeline.TenantId}");
        foreach (var step in timeline.Steps)
        {
            Console.WriteLine();
            Console.WriteLine(
                $"{step.At.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture)}  {step.Text}"
            );
            foreach (var detail in step.Details)
                Console.WriteLine($"  {detail}");
            if (step.Match is { } match)
                Print(match);
        }
    }

    private static void Print(TimelineMatch match)
    {
        Console.WriteLine($"  Rules, version {match.RuleVersion}, the strongest first:");
        foreach (var rule in match.Rules)
            Console.WriteLine($"    {rule.Rule, -14} {rule.Text}{(rule.Candidates > 1 ? $" ({rule.Candidates} clicks)" : "")}");
        if (match.Candidates.Count == 0)
            return;
        Console.WriteLine("  Clicks:");
        foreach (var click in match.Candidates)
            Console.WriteLine(
                $"    {click.ClickId, -22} {click.ClickedAt.ToUniversalTime():yyyy-MM-dd HH:mm:ss}  {click.Rule, -14} {click.Text}"
            );
    }
}
