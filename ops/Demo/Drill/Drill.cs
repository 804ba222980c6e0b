using System.Diagnostics;
using System.Security.Cryptography;
using TrackAi.Contracts;
using TrackAi.MetaStandIn;

namespace TrackAi.Demo;

/// <summary>
/// Breaks a scratch installation on purpose, one thing after another, and prints the evidence: every sale that was acknowledged is at Meta, once,
/// under the id it always had, and the log, the queue and the read models say the same.
/// </summary>
internal sealed class Drill(Scratch scratch, int sales, CancellationToken cancellationToken)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    // Far enough into the deliveries for something of everything to be under way.
    private static readonly TimeSpan IntoTheLoad = TimeSpan.FromMilliseconds(60);

    private sealed record Step(string Name, Func<Task> Break, Func<Task>? Mend = null);

    public static async Task<int> RunAsync(int sales, bool bySqs, CancellationToken cancellationToken)
    {
        await using var scratch = await Scratch.StartAsync(bySqs, cancellationToken);
        var failures = await new Drill(scratch, sales, cancellationToken).PlayAsync();
        Console.WriteLine(
            failures == 0
                ? "drill: nothing was lost and nothing was sent under two ids"
                : $"drill: {failures} steps failed; the data is in {scratch.Keep()}"
        );
        return failures == 0 ? 0 : 1;
    }

    private async Task<int> PlayAsync()
    {
        var failures = 0;
        foreach (var step in Steps())
            failures += await PlayAsync(step) ? 0 : 1;
        var (exitCode, output) = await scratch.RunAsync(cancellationToken, "verify");
        Say(exitCode == 0, "verify: the log, counted anew, the queue and the read models balance", output);
        return failures + (exitCode == 0 ? 0 : 1);
    }

    private IEnumerable<Step> Steps() =>
        [
            new("nothing is wrong", () => Task.CompletedTask),
            Faulty("Meta throttles (429)", MetaFault.Error(429, 4) with { Times = 10 }),
            Faulty("Meta answers 500", MetaFault.Error(500, 1) with { Times = 10 }),
            Faulty("Meta answers a proxy's page", MetaFault.Html() with { Times = 4 }),
            Faulty("Meta's answer breaks off", MetaFault.TruncatedJson() with { Times = 4 }),
            Faulty("Meta hangs", MetaFault.Hang() with { Times = 3 }),
            Faulty("Meta takes fewer than were sent", MetaFault.FewerReceived() with { Times = 3 }),
            Faulty("Meta takes them and the answer is lost", MetaFault.Reset() with { Times = 3, AcceptFirst = true }),
            Faulty("the token dies, and its pixel is resumed by a command", MetaFault.Error(400, 190, 463)) with
            {
                Mend = ResumeAsync,
            },
            UnderLoad("the host is killed (SIGKILL) under load", scratch.KillHostAsync),
            UnderLoad("Postgres is killed (SIGKILL) under load", scratch.KillPostgresAsync),
            .. scratch.Sqs is { } sqs
                ? (Step[])[UnderLoad("SQS is killed under load, and comes back empty", _ => sqs.KillAsync()) with { Mend = sqs.StartAsync }]
                : [],
        ];

    private Step Faulty(string name, MetaFault fault) =>
        new(
            name,
            () =>
            {
                scratch.Meta.Inject(fault);
                return Task.CompletedTask;
            }
        );

    private Step UnderLoad(string name, Func<CancellationToken, Task> kill) =>
        new(
            name,
            async () =>
            {
                await Task.Delay(IntoTheLoad, cancellationToken);
                await kill(cancellationToken);
            }
        );

    private async Task ResumeAsync()
    {
        await UntilAsync(
            async () => await CountAsync("select count(*) from dispatch_pixel where paused_at is not null") == 1,
            "the pixel is paused"
        );
        scratch.Meta.ClearFaults();
        await scratch.RunAsync(cancellationToken, "pixels", "resume", Scratch.Tenant, Scratch.Pixel);
    }

    private async Task<bool> PlayAsync(Step step)
    {
        var run = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));
        string[] orders = [.. Enumerable.Range(0, sales).Select(number => $"{run}-{number}")];
        var started = Stopwatch.GetTimestamp();
        var breaking = step.Break();
        var posts = await Task.WhenAll(orders.Chunk(Math.Max(1, sales / 4)).Select(some => scratch.DeliverAsync(some, cancellationToken)));
        await breaking;
        await (step.Mend?.Invoke() ?? Task.CompletedTask);
        var problem = await IsSentAsync(orders);
        scratch.Meta.ClearFaults();
        return await TellAsync(step.Name, run, orders, posts.Sum(), Stopwatch.GetElapsedTime(started), problem);
    }

    private async Task<string> IsSentAsync(string[] orders)
    {
        try
        {
            await UntilAsync(
                async () =>
                    await CountAsync("select count(*) from dispatch_queue") == 0
                    && Array.TrueForAll(orders, order => scratch.AtMeta(order).Count > 0),
                "all of it is sent"
            );
            return "";
        }
        catch (TimeoutException exception)
        {
            return exception.Message;
        }
    }

    private async Task<bool> TellAsync(string name, string run, string[] orders, int posts, TimeSpan elapsed, string problem)
    {
        var found = orders
            .Select(order => (Id: $"{Ids.EventId(Scratch.Tenant, "perfectpay", order, "Purchase")}", Events: scratch.AtMeta(order)))
            .ToArray();
        var lost = found.Count(one => one.Events.Count == 0);
        var isUnderOneId = Array.TrueForAll(found, one => one.Events.Count <= 1 && one.Events.All(sent => sent.EventId == one.Id));
        var repeated = found.Sum(one => one.Events.Sum(sent => sent.Times - 1));
        var dead = await CountAsync("select count(*) from dispatch_dead_letter");
        var confirmed = await CountAsync(
            $"select count(distinct stream_id) from mt_events where type = 'dispatch_succeeded' and stream_id like 'conversion-perfectpay-{run}-%'"
        );
        var isGood = lost == 0 && isUnderOneId && dead == 0 && confirmed == orders.Length;
        Say(
            isGood,
            name,
            $"{orders.Length} sales acknowledged after {posts} posts; at Meta {found.Length - lost}, "
                + $"{(isUnderOneId ? "each under its own id" : "SOME UNDER ANOTHER ID")}, {repeated} times sent again under the same; "
                + FormattableString.Invariant(
                    $"recorded as sent {confirmed}, dead {dead}, lost {lost}; {elapsed.TotalSeconds:0.0} s {problem}"
                )
        );
        return isGood;
    }

    private Task<long> CountAsync(string sql) => scratch.CountAsync(sql, cancellationToken);

    private Task UntilAsync(Func<Task<bool>> condition, string what) => Scratch.UntilAsync(condition, what, Patience, cancellationToken);

    private static void Say(bool isGood, string what, string evidence) =>
        Console.WriteLine($"{(isGood ? "ok  " : "FAIL")}  {what}\n        {evidence.Trim().ReplaceLineEndings("\n        ")}");
}
