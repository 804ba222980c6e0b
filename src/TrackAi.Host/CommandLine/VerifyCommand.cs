using System.CommandLine;
using System.Globalization;
using TrackAi.Contracts;

namespace TrackAi.Host.CommandLine;

/// <summary><c>verify</c>: counts the whole log anew and says whether every sale is accounted for.</summary>
internal static class VerifyCommand
{
    public static Command Create()
    {
        var verify = new Verb(
            "verify",
            "Count the log anew: received = sent + skipped + dead + waiting for each tenant and day, what waits is in the queue, the read models "
                + "say the same, and no approved sale was passed by. What cannot be read is counted apart. Exit code 1 when anything does not fit.",
            "verify --json"
        );
        verify.SetAction(
            async (parsed, cancellationToken) =>
            {
                var problems = 0;
                await Session.UseAsync(
                    async services =>
                    {
                        LedgerReport report = null!;
                        await ProgressBar.ShowAsync(
                            "verify",
                            prints: false,
                            services.GetRequiredService<TimeProvider>(),
                            async progress =>
                                report = await services
                                    .GetRequiredService<IDispatchLedger>()
                                    .VerifyAsync(
                                        (position, last) => progress(ProgressBar.Percent(position, 0, last), $"{position}/{last}"),
                                        cancellationToken
                                    )
                        );
                        Session.Print(parsed, report, Print);
                        problems = report.Problems.Count;
                    },
                    cancellationToken
                );
                return problems == 0 ? 0 : 1;
            }
        );
        return verify;
    }

    private static void Print(LedgerReport report)
    {
        Session.Table(
            ["TENANT", "DAY", "RECEIVED", "SENT", "SKIPPED", "DEAD", "WAITING"],
            [
                .. report.Days.Select(day =>
                    (string[])
                        [
                            day.TenantId,
                            day.Date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
                            $"{day.Received}",
                            $"{day.Sent}",
                            Text(day.Skipped),
                            Text(day.Dead),
                            $"{day.Waiting}",
                        ]
                ),
            ]
        );
        foreach (var problem in report.Problems)
            Console.WriteLine($"{problem.Kind}: tenant {problem.TenantId}, {problem.Subject}: {problem.Detail}");
        if (report.Unreadable > 0)
            Console.WriteLine(
                $"{report.Unreadable} of {report.Events} events cannot be read and are in no figure; what they told may be missing above."
            );
        Console.WriteLine(
            report.Problems.Count == 0
                ? $"Everything balances, up to position {report.Position} of the log ({report.Events} events)."
                : $"{report.Problems.Count} things do not fit, up to position {report.Position} of the log."
        );
    }

    private static string Text(IReadOnlyDictionary<string, long> reasons) =>
        reasons.Count == 0 ? "0" : string.Join(", ", reasons.Select(pair => $"{pair.Value} {pair.Key}"));
}
