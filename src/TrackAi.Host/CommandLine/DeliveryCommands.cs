using System.CommandLine;
using TrackAi.Contracts;
using TrackAi.Gateways;

namespace TrackAi.Host.CommandLine;

/// <summary><c>deliveries not-understood|replay</c>: what gateways sent that nobody could read, and another try once a mapping was mended.</summary>
internal static class DeliveryCommands
{
    private static readonly Option<string?> Tenant = new("--tenant") { Description = "Of this tenant only." };
    private static readonly Option<string?> Gateway = new("--gateway") { Description = "Of this gateway only." };

    public static Command Create() =>
        new("deliveries", "Webhooks that were acknowledged and not understood.") { NotUnderstood(), Replay() };

    private static Verb NotUnderstood()
    {
        var list = new Verb(
            "not-understood",
            "List them, the oldest first: why, and the names of their fields (cut at the terminal's edge, whole with --json), never a value. Kept for 30 days.",
            "deliveries not-understood --json"
        )
        {
            Tenant,
            Gateway,
        };
        list.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                        Session.Print(
                            parsed,
                            await services
                                .GetRequiredService<ReplayDeliveries>()
                                .ListAsync(parsed.GetValue(Tenant), parsed.GetValue(Gateway), cancellationToken),
                            Print
                        ),
                    cancellationToken
                )
        );
        return list;
    }

    private static Verb Replay()
    {
        var id = new Argument<string?>("DELIVERY")
        {
            Description = "Its id as 'deliveries not-understood' shows it.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var all = new Option<bool>("--all") { Description = "All of them, or all of --tenant and --gateway." };
        var dry = new Option<bool>("--dry-run") { Description = "Say what would come of it, and record nothing." };
        var replay = new Verb(
            "replay",
            "Translate them again, after a gateway's mapping was mended. What is understood now is recorded as it was received; exit code 1 when one "
                + "still is not.",
            "deliveries replay --all --gateway hotmart --dry-run"
        )
        {
            id,
            all,
            dry,
            Tenant,
            Gateway,
        };
        replay.SetAction(
            async (parsed, cancellationToken) =>
            {
                if (parsed.GetValue(id) is null != parsed.GetValue(all))
                    throw new CommandFailedException("give a DELIVERY, or --all.");
                var isUnderstood = false;
                await Session.UseAsync(
                    async services =>
                    {
                        var replayed = await services
                            .GetRequiredService<ReplayDeliveries>()
                            .ReplayAsync(
                                parsed.GetValue(Tenant),
                                parsed.GetValue(Gateway),
                                parsed.GetValue(id),
                                parsed.GetValue(dry),
                                cancellationToken
                            );
                        if (parsed.GetValue(id) is { } wanted && replayed.Count == 0)
                            throw new CommandFailedException(
                                $"there is no delivery {wanted} that is kept; 'deliveries not-understood' shows which there are."
                            );
                        isUnderstood = replayed.All(one => one.Outcome != "not_understood");
                        Session.Print(parsed, replayed, Print);
                    },
                    cancellationToken
                );
                return isUnderstood ? 0 : 1;
            }
        );
        return replay;
    }

    private static void Print(IReadOnlyList<NotUnderstoodDelivery> deliveries)
    {
        if (deliveries.Count == 0)
            Console.WriteLine("There is none.");
        foreach (var one in deliveries)
        {
            Console.WriteLine(one.DeliveryId);
            foreach (var line in (string[])[$"{one.Tenant}  {one.Gateway}  received {one.ReceivedAt:u}", one.Reason, one.Shape])
                Console.WriteLine(Session.Fitted($"  {line}"));
        }
    }

    private static void Print(IReadOnlyList<ReplayedDelivery> replayed)
    {
        if (replayed.Count == 0)
            Console.WriteLine("There was none.");
        else
            Session.Table(
                ["DELIVERY", "TENANT", "GATEWAY", "OUTCOME", "DETAIL"],
                [.. replayed.Select(one => (string[])[one.DeliveryId, one.Tenant, one.Gateway, one.Outcome, one.Detail])]
            );
    }
}
