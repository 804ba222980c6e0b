using System.CommandLine;
using TrackAi.EventStore;

namespace TrackAi.Host.CommandLine;

/// <summary><c>projections list|status|pause|resume|skip|skipped|replay</c>.</summary>
internal static class ProjectionCommands
{
    public static Command Create()
    {
        var name = new Argument<string>("NAME") { Description = "As 'projections list' prints it." };
        var list = new Verb("list", "The projections and subscriptions there are, and the tables they build.", "projections list");
        list.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    services =>
                    {
                        var all = services
                            .GetServices<IProjection>()
                            .Select(projection => new
                            {
                                projection.Name,
                                Kind = "projection",
                                projection.Tables,
                            })
                            .Concat(
                                services
                                    .GetServices<ISubscription>()
                                    .Select(subscription => new
                                    {
                                        subscription.Name,
                                        Kind = "subscription",
                                        Tables = (IReadOnlyList<string>)[],
                                    })
                            )
                            .ToArray();
                        Session.Print(
                            parsed,
                            all,
                            found =>
                                Session.Table(
                                    ["NAME", "KIND", "TABLES"],
                                    [.. found.Select(one => (string[])[one.Name, one.Kind, string.Join(", ", one.Tables)])]
                                )
                        );
                        return Task.CompletedTask;
                    },
                    cancellationToken
                )
        );

        var only = new Argument<string?>("NAME") { Description = "That one alone.", Arity = ArgumentArity.ZeroOrOne };
        var status = new Verb(
            "status",
            "Where each of them stands, or one; exit code 1 when one has stopped.",
            "projections status",
            "projections status Visits --json"
        )
        {
            only,
        };
        status.SetAction(
            async (parsed, cancellationToken) =>
            {
                var stopped = false;
                await Session.UseAsync(
                    async services =>
                    {
                        var end = await services.GetRequiredService<PostgresEventStore>().ReadEndAsync(cancellationToken);
                        var shards = await services.GetRequiredService<ProjectionProgress>().ReadAsync(cancellationToken);
                        if (parsed.GetValue(only) is { } given)
                        {
                            var one = ShardNames.Find(ShardNames.All(services), given, "projection or subscription");
                            shards = [.. shards.Where(shard => ShardNames.Short(shard.Name) == one)];
                            if (shards is [])
                                throw new CommandFailedException($"{one} has not run yet: start a host first.");
                        }
                        stopped = shards.Any(shard => shard.State == "stopped");
                        Session.Print(
                            parsed,
                            new
                            {
                                end.HighWaterMark,
                                end.Highest,
                                end.Holder,
                                Shards = shards,
                            },
                            found =>
                            {
                                Console.WriteLine($"high-water mark {found.HighWaterMark}{HeldBy(end)}");
                                Session.Table(
                                    ["NAME", "STATE", "POSITION", "LAG", "RUN BY", "ERROR"],
                                    [
                                        .. found.Shards.Select(shard =>
                                            (string[])
                                                [
                                                    shard.Name,
                                                    shard.State,
                                                    $"{shard.Progress}",
                                                    $"{Math.Max(0, end.Highest - shard.Progress)}",
                                                    shard.State == "running" ? shard.Owner ?? "nobody" : "-",
                                                    shard.ErrorSequence is null
                                                        ? ""
                                                        : $"event {shard.ErrorSequence} ({shard.ErrorType}): {shard.Error}",
                                                ]
                                        ),
                                    ]
                                );
                            }
                        );
                    },
                    cancellationToken
                );
                return stopped ? 1 : 0;
            }
        );

        return new Command("projections", "Read models and subscriptions.")
        {
            list,
            status,
            RebuildCommand.Create(),
            Change(
                "pause",
                "Halt one until it is resumed.",
                name,
                (progress, one, cancellationToken) => progress.PauseAsync(one, cancellationToken),
                "is paused until 'projections resume'"
            ),
            Change(
                "resume",
                "Let a paused or stopped one run again.",
                name,
                (progress, one, cancellationToken) => progress.ResumeAsync(one, cancellationToken),
                "runs again"
            ),
            Change(
                "skip",
                "Step over the event it stopped at, which becomes a dead letter.",
                name,
                (progress, one, cancellationToken) => progress.SkipAsync(one, cancellationToken),
                "steps over the event, which is a dead letter now ('projections skipped'), and runs again"
            ),
            SkippedCommands.Skipped(),
            SkippedCommands.Replay(),
        };
    }

    private static string HeldBy(LogEnd end) =>
        end.Holder is { Hangs: true } holder
            ? $" of {end.Highest}: held back for {holder.For?.TotalSeconds:0} s by the Postgres session {holder.Pid} ({holder.Application}, {holder.State})"
            : "";

    private static Verb Change(
        string verb,
        string description,
        Argument<string> name,
        Func<ProjectionProgress, string, CancellationToken, Task<bool>> change,
        string done
    )
    {
        var command = new Verb(verb, description, $"projections {verb} Visits") { name };
        command.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                    {
                        var one = ShardNames.Find(ShardNames.All(services), parsed.GetValue(name)!, "projection or subscription");
                        if (!await change(services.GetRequiredService<ProjectionProgress>(), one, cancellationToken))
                            throw new CommandFailedException(
                                verb == "skip"
                                    ? $"{one} has not stopped at an event: there is nothing to skip. See 'projections status'."
                                    : $"{one} has not run yet, so there is nothing to {verb}: start a host first."
                            );
                        Session.Print(parsed, new { Name = one, Done = verb }, changed => Console.WriteLine($"{changed.Name} {done}."));
                    },
                    cancellationToken
                )
        );
        return command;
    }
}
