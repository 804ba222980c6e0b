using System.CommandLine;
using TrackAi.Contracts;

namespace TrackAi.Host.CommandLine;

/// <summary><c>replay … --dispatch</c>: what the replayed decisions request, really sent, under the event_id it always had.</summary>
internal static class ReplayDispatch
{
    public static readonly Option<bool> Dispatch = new("--dispatch")
    {
        Description =
            "Then really send to Meta what the decisions request, under the same event_id: what it never took, or took less than 48 hours ago, which it keeps once. Never what is more than seven days old.",
    };

    public static readonly Option<bool> DryRun = new("--dry-run") { Description = "With --dispatch: print the plan and send nothing." };
    public static readonly Option<bool> Confirmed = new("--confirmed")
    {
        Description = "With --dispatch: also what Meta has confirmed already.",
    };
    public static readonly Option<bool> Force = new("--force") { Description = "With --dispatch: also what Meta may count twice." };

    public static void Check(ParseResult parsed)
    {
        if (
            !parsed.GetValue(Dispatch) && Array.Find([DryRun, Confirmed, Force], option => parsed.GetValue(option)) is { Name: var without }
        )
            throw new CommandFailedException($"{without} says how to send: give --dispatch with it.");
    }

    /// <summary>Plans, and sends unless it is a dry run.</summary>
    public static async Task<IReadOnlyList<ReplayedDispatch>> RunAsync(
        ParseResult parsed,
        IServiceProvider services,
        IReadOnlyCollection<ReplayedRequest> requests,
        CancellationToken cancellationToken
    )
    {
        var consent = new ReplayConsent(parsed.GetValue(Confirmed), parsed.GetValue(Force));
        var replay = services.GetRequiredService<IDispatchReplay>();
        return parsed.GetValue(DryRun)
            ? await replay.PlanAsync(requests, consent, cancellationToken)
            : await replay.SendAsync(requests, consent, "replay --dispatch", cancellationToken);
    }

    /// <summary>Whether all is with Meta or on its way there.</summary>
    public static bool IsDone(IEnumerable<ReplayedDispatch> dispatches) =>
        dispatches.All(one => one.IsSent ? one.Outcome is null or "confirmed" : one.Expectation is "already_sent" or "waiting");

    public static void Print(IReadOnlyList<ReplayedDispatch> dispatches, bool isDryRun)
    {
        if (dispatches.Count == 0)
            Console.WriteLine(
                "These decisions request nothing: there is nothing to send. What was skipped before it was decided is in 'projections skipped'."
            );
        foreach (var one in dispatches)
        {
            Console.WriteLine();
            Console.WriteLine($"{one.ConversionId} of tenant {one.TenantId} to pixel {one.PixelId}, event_id {one.EventId}");
            Console.WriteLine($"  {one.Expectation}: {one.Remedy}");
            Console.WriteLine(
                (one.IsSent, isDryRun) switch
                {
                    (false, _) => "  not sent",
                    (true, true) => "  would be sent (--dry-run)",
                    _ => $"  {Words(one)}",
                }
            );
        }

        if (isDryRun)
            Console.WriteLine("\nNothing was sent (--dry-run).");
        else if (dispatches.Count > 0)
            Console.WriteLine(
                $"\n{dispatches.Count(one => one.Outcome == "confirmed")} confirmed by Meta, {dispatches.Count(one => one.IsSent && one.Outcome != "confirmed")} sent and not confirmed, {dispatches.Count(one => !one.IsSent)} not sent."
            );
    }

    private static string Words(ReplayedDispatch one) =>
        one.Outcome switch
        {
            "confirmed" => $"sent; Meta confirmed it{(one.Detail is null ? "" : $" ({one.Detail})")}",
            "failed" => $"sent, and not taken ({one.Detail}); it stays in the queue, and the hosts try again",
            "dead" => $"not taken ({one.Detail}); it is a dead letter: see 'dlq list'",
            _ => "in the queue: its pixel is paused or throttled; see 'pixels status'",
        };
}
