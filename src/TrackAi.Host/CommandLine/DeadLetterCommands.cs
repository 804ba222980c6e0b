using System.CommandLine;
using TrackAi.Contracts;

namespace TrackAi.Host.CommandLine;

/// <summary><c>dlq list|show|redrive|discard</c>.</summary>
internal static class DeadLetterCommands
{
    private const string By = "command line";

    private static readonly Option<string?> Tenant = new("--tenant") { Description = "Of this tenant only." };
    private static readonly Option<string?> Reason = new("--reason") { Description = "Given up for this reason only, such as permanent." };
    private static readonly Option<string?> Pixel = new("--pixel") { Description = "For this pixel only." };
    private static readonly Argument<string[]> Ids = new("DISPATCH")
    {
        Description = "Ids as 'dlq list' shows them.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private sealed record Plan(IReadOnlyList<DeadLetter> Safe, IReadOnlyList<DeadLetter> Left);

    public static Command Create() => new("dlq", "Dispatches that were given up.") { List(), Show(), Redrive(), Discard() };

    private static Verb List()
    {
        var limit = new Option<int>("--limit") { Description = "At most so many, the latest first.", DefaultValueFactory = _ => 100 };
        var list = new Verb("list", "List them, and what sending each again would come to.", "dlq list --tenant acme --reason permanent")
        {
            Tenant,
            Reason,
            Pixel,
            limit,
        };
        list.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                    {
                        var filter = FilterOf(parsed, parsed.GetValue(limit));
                        await RequireTenantAsync(services, filter, cancellationToken);
                        Session.Print(
                            parsed,
                            await services.GetRequiredService<IDeadLetters>().ListAsync(filter, cancellationToken),
                            Print
                        );
                    },
                    cancellationToken
                )
        );
        return list;
    }

    private static Verb Show()
    {
        var id = new Argument<string>("DISPATCH") { Description = "Its id as 'dlq list' shows it." };
        var show = new Verb("show", "Show one, with what Meta said.", "dlq show f05d53b8-eb9d-544d-8a44-e0fdde700d3d/123456789012345")
        {
            id,
        };
        show.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                    {
                        var found = await services
                            .GetRequiredService<IDeadLetters>()
                            .ListAsync(new DeadLetterFilter(DispatchIds: [parsed.GetValue(id)!]), cancellationToken);
                        if (found is not [var letter])
                            throw new CommandFailedException(
                                $"there is no dead letter {parsed.GetValue(id)}; 'dlq list' shows which there are."
                            );
                        Session.Print(parsed, letter, PrintOne);
                    },
                    cancellationToken
                )
        );
        return show;
    }

    private static Verb Redrive()
    {
        var all = new Option<bool>("--all") { Description = "All of them." };
        var force = new Option<bool>("--force") { Description = "Also those that Meta may count twice." };
        var dry = new Option<bool>("--dry-run") { Description = "Print the plan and do nothing." };
        var redrive = new Verb(
            "redrive",
            "Print what sending them again would come to, then put back those that are safe.",
            "dlq redrive --tenant acme --all"
        )
        {
            Ids,
            Tenant,
            Reason,
            Pixel,
            all,
            force,
            dry,
        };
        redrive.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                    {
                        var filter = FilterOf(parsed, 10_000);
                        if (filter is { DispatchIds: null, Tenant: null, Reason: null, PixelId: null } && !parsed.GetValue(all))
                            throw new CommandFailedException("say which: ids, --tenant, --reason, --pixel or --all.");
                        await RequireTenantAsync(services, filter, cancellationToken);
                        var letters = services.GetRequiredService<IDeadLetters>();
                        var plan = await letters.ListAsync(filter, cancellationToken);
                        RequireAll(filter, plan);
                        if (!parsed.GetValue(Session.Json))
                            PrintPlan(plan);
                        if (parsed.GetValue(dry))
                        {
                            Session.Print(parsed, plan, _ => Console.WriteLine("Nothing was done (--dry-run)."));
                            return;
                        }

                        var done = await letters.RedriveAsync(filter, By, parsed.GetValue(force), cancellationToken);
                        Session.Print(
                            parsed,
                            done,
                            redriven =>
                                Console.WriteLine(
                                    $"{redriven.Redriven.Count} put back into the queue, {redriven.Left.Count} left. Redrive {redriven.RedriveId}, trace {redriven.TraceId}."
                                )
                        );
                    },
                    cancellationToken
                )
        );
        return redrive;
    }

    private static Verb Discard()
    {
        var because = new Option<string>("--because") { Description = "Why; it goes into the log.", Required = true };
        var discard = new Verb("discard", "Put them away for good.", "dlq discard ID --because 'a test sale'")
        {
            Ids,
            Tenant,
            Reason,
            Pixel,
            because,
        };
        discard.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                    {
                        var filter = FilterOf(parsed, 10_000);
                        if (filter is { DispatchIds: null, Tenant: null, Reason: null, PixelId: null })
                            throw new CommandFailedException("say which: ids, --tenant, --reason or --pixel.");
                        await RequireTenantAsync(services, filter, cancellationToken);
                        var found = services.GetRequiredService<IDeadLetters>();
                        RequireAll(filter, await found.ListAsync(filter, cancellationToken));
                        var gone = await found.DiscardAsync(filter, parsed.GetValue(because)!, By, cancellationToken);
                        if (gone.Count == 0)
                            throw new CommandFailedException("there is no such dead letter; 'dlq list' shows which there are.");
                        Session.Print(parsed, gone, letters => Console.WriteLine($"{letters.Count} discarded."));
                    },
                    cancellationToken
                )
        );
        return discard;
    }

    private static DeadLetterFilter FilterOf(ParseResult parsed, int limit)
    {
        // 'list' takes no ids.
        var ids = parsed.CommandResult.Command.Arguments.Contains(Ids) ? parsed.GetValue(Ids) : null;
        return new DeadLetterFilter(
            parsed.GetValue(Tenant),
            parsed.GetValue(Reason),
            parsed.GetValue(Pixel),
            ids is { Length: > 0 } ? ids : null,
            limit
        );
    }

    // "There are none" of a mistyped tenant would be believed.
    private static async Task RequireTenantAsync(IServiceProvider services, DeadLetterFilter filter, CancellationToken cancellationToken)
    {
        if (filter.Tenant is { } tenant)
            await services.GetRequiredService<ITenantAdministration>().ShowAsync(tenant, cancellationToken);
    }

    // Whoever names one means it: nothing is done when one of them is mistyped.
    private static void RequireAll(DeadLetterFilter filter, IReadOnlyList<DeadLetter> found)
    {
        var missing = filter.DispatchIds?.Except(found.Select(letter => letter.DispatchId), StringComparer.Ordinal).ToArray() ?? [];
        if (missing.Length > 0)
            throw new CommandFailedException($"there is no dead letter {string.Join(", ", missing)}; 'dlq list' shows which there are.");
    }

    private static void Print(IReadOnlyList<DeadLetter> letters)
    {
        if (letters.Count == 0)
            Console.WriteLine("There are no dead letters.");
        else
            Session.Table(
                ["DEAD SINCE", "TENANT", "CONVERSION", "REASON", "AGAIN", "DISPATCH"],
                [
                    .. letters.Select(letter =>
                        (string[])
                            [
                                $"{letter.DeadAt:u}",
                                letter.TenantId,
                                letter.ConversionId,
                                letter.Reason,
                                letter.Expectation,
                                letter.DispatchId,
                            ]
                    ),
                ]
            );
    }

    private static void PrintOne(DeadLetter letter)
    {
        Console.WriteLine($"{letter.ConversionId} of tenant {letter.TenantId}, for pixel {letter.PixelId}");
        Console.WriteLine($"dispatch     {letter.DispatchId}");
        Console.WriteLine($"requested    {letter.RequestedAt:u}");
        Console.WriteLine($"given up     {letter.DeadAt:u}, at attempt {letter.Attempts}: {letter.Reason}");
        Console.WriteLine($"error        {letter.Error}");
        Console.WriteLine($"Meta's limit {letter.ExpiresAt:u}");
        Console.WriteLine($"sent again   {letter.Expectation}: {letter.Remedy}");
    }

    private static void PrintPlan(IReadOnlyList<DeadLetter> letters)
    {
        Console.WriteLine($"{letters.Count} dead letters:");
        foreach (
            var group in letters
                .GroupBy(letter => (letter.Expectation, letter.Remedy))
                .OrderBy(group => group.Key.Expectation, StringComparer.Ordinal)
        )
            Console.WriteLine($"  {group.Count(), 6}  {group.Key.Expectation}: {group.Key.Remedy}");
    }
}
