using System.CommandLine;
using TrackAi.EventStore;

namespace TrackAi.Host.CommandLine;

/// <summary><c>projections skipped|replay</c>: what was stepped over, and its way back once the cause is mended.</summary>
internal static class SkippedCommands
{
    private sealed record Shown(
        string Name,
        string Kind,
        long Sequence,
        string? Type,
        string? Tenant,
        string? Stream,
        string Error,
        DateTimeOffset SkippedAt
    );

    private sealed record Handed(
        string Name,
        long Sequence,
        string? Type,
        string? Tenant,
        string? Stream,
        bool Done,
        IReadOnlyList<string> Appended,
        string? Error
    );

    public static Verb Skipped()
    {
        var name = new Argument<string?>("NAME") { Description = "Of that one alone.", Arity = ArgumentArity.ZeroOrOne };
        var skipped = new Verb(
            "skipped",
            "The events that were stepped over by command, in the order of the log: by whom, where, of which stream, why and when.",
            "projections skipped",
            "projections skipped Matching --json"
        )
        {
            name,
        };
        skipped.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                    {
                        var one = parsed.GetValue(name) is { } given
                            ? ShardNames.Find(ShardNames.All(services), given, "projection or subscription")
                            : null;
                        var all = await services.GetRequiredService<SkippedEvents>().ReadAsync(one, cancellationToken);
                        Session.Print(parsed, all.Select(letter => Show(services, letter)).ToArray(), Print);
                    },
                    cancellationToken
                )
        );
        return skipped;
    }

    public static Verb Replay()
    {
        var name = new Argument<string>("NAME") { Description = "A subscription, as 'projections list' prints it." };
        var only = new Option<long?>("--event") { Description = "The event at this position alone, as 'projections skipped' prints it." };
        var replay = new Verb(
            "replay",
            "Hand what a subscription stepped over to it again, each event in a transaction of its own, beside hosts that run: what it decides is appended, and the "
                + "event is no dead letter any more. Exit code 1 when one fails again, which stays a dead letter. What a projection stepped over, 'projections rebuild' takes back.",
            "projections replay Matching",
            "projections replay Matching --event 4711"
        )
        {
            name,
            only,
        };
        replay.SetAction(
            async (parsed, cancellationToken) =>
            {
                // The handlers know the tenants, and tell other hosts what they have appended.
                await using var application = await Session.StartBesideAsync(cancellationToken);
                var services = application.Services;
                var skipped = services.GetRequiredService<SkippedEvents>();
                var one = ShardNames.Find(ShardNames.All(services), parsed.GetValue(name)!, "projection or subscription");
                var letters = (await skipped.ReadAsync(one, cancellationToken))
                    .Where(letter => parsed.GetValue(only) is not { } wanted || letter.Sequence == wanted)
                    .ToArray();
                if (parsed.GetValue(only) is { } missing && letters.Length == 0)
                    throw new CommandFailedException(
                        $"{one} has not skipped event {missing}; 'projections skipped {one}' shows what it has."
                    );
                if (IsProjection(services, one) && letters.Length > 0)
                    throw new CommandFailedException(
                        $"{one} is a read model and is handed nothing again: 'projections rebuild {one}' takes back what it skipped ({string.Join(", ", letters.Select(letter => $"event {letter.Sequence}"))})."
                    );
                Handed[] replayed = IsProjection(services, one)
                    ? []
                    : [.. (await skipped.ReplayAsync(one, parsed.GetValue(only), cancellationToken)).Select(Show)];
                Session.Print(parsed, replayed, Print);
                return replayed.All(handed => handed.Done) ? 0 : 1;
            }
        );
        return replay;
    }

    private static bool IsProjection(IServiceProvider services, string name) =>
        services.GetServices<IProjection>().Any(projection => projection.Name == name);

    // Marten's own daemon leaves its dead letters in the same table.
    private static Shown Show(IServiceProvider services, SkippedEvent letter) =>
        new(
            letter.Name,
            IsProjection(services, letter.Name) ? "projection"
                : services.GetServices<ISubscription>().Any(subscription => subscription.Name == letter.Name) ? "subscription"
                : "unknown",
            letter.Sequence,
            letter.Type,
            letter.Stream?.TenantId,
            letter.Stream?.Id,
            letter.Error,
            letter.SkippedAt
        );

    private static Handed Show(ReplayedSkip one) =>
        new(
            one.Skipped.Name,
            one.Skipped.Sequence,
            one.Skipped.Type,
            one.Skipped.Stream?.TenantId,
            one.Skipped.Stream?.Id,
            one.Error is null,
            one.Appended,
            one.Error
        );

    private static void Print(Shown[] skipped)
    {
        if (skipped.Length == 0)
            Console.WriteLine("Nothing was skipped.");
        else
            Session.Table(
                ["NAME", "KIND", "EVENT", "TYPE", "STREAM", "SKIPPED", "ERROR"],
                [
                    .. skipped.Select(one =>
                        (string[])
                            [
                                one.Name,
                                one.Kind,
                                $"{one.Sequence}",
                                one.Type ?? "gone",
                                one.Stream is null ? "-" : $"{one.Tenant}/{one.Stream}",
                                $"{one.SkippedAt:u}",
                                one.Error,
                            ]
                    ),
                ]
            );
    }

    private static void Print(Handed[] replayed)
    {
        if (replayed.Length == 0)
            Console.WriteLine("Nothing was skipped: there is nothing to replay.");
        foreach (var one in replayed)
            Console.WriteLine(
                $"event {one.Sequence} ({one.Type ?? "gone"}{(one.Stream is null ? "" : $", stream {one.Tenant}/{one.Stream}")}): "
                    + (
                        one.Error is { } error ? $"failed again and stays a dead letter: {error}"
                        : one.Appended.Count == 0 ? "handled; nothing was to be appended"
                        : $"handled; appended {string.Join(", ", one.Appended)}"
                    )
            );
    }
}
