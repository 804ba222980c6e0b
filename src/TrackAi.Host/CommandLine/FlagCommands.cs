using System.CommandLine;
using TrackAi.Contracts;
using TrackAi.Host.Flags;

namespace TrackAi.Host.CommandLine;

/// <summary><c>flags list|set</c>: switches parts of the product off and on while it runs.</summary>
internal static class FlagCommands
{
    public static Command Create()
    {
        var list = new Verb("list", "List the flags, and who says how they are.", "flags list");
        list.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                        Session.Print(parsed, await services.GetRequiredService<IFeatureFlags>().ListAsync(cancellationToken), Print),
                    cancellationToken
                )
        );
        return new Command(
            "flags",
            "Switch gateways, the analytics API and the circuit breaker off and on at every host, without a restart."
        )
        {
            list,
            Set(),
        };
    }

    private static Verb Set()
    {
        var name = new Argument<string>("NAME") { Description = "The flag; 'flags list' shows them." };
        name.AcceptOnlyFromAmong([.. FeatureFlags.Names]);
        var state = new Argument<string>("STATE") { Description = "on, off, or default: as the configuration says." };
        state.AcceptOnlyFromAmong("on", "off", "default");
        var set = new Verb(
            "set",
            "Switch a flag at every host, within a second. It outranks the configuration.",
            "flags set gateway_hotmart off"
        )
        {
            name,
            state,
        };
        set.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                    {
                        var flags = services.GetRequiredService<IFeatureFlags>();
                        var flag = parsed.GetValue(name)!;
                        var changed = await flags.SetAsync(
                            flag,
                            parsed.GetValue(state) switch
                            {
                                "on" => true,
                                "off" => false,
                                _ => null,
                            },
                            cancellationToken
                        );
                        var now = (await flags.ListAsync(cancellationToken)).Single(one => one.Name == flag);
                        Session.Print(
                            parsed,
                            now,
                            one => Console.WriteLine($"{one.Name} is {State(one)}{(changed ? "" : " already")} ({Source(one)}).")
                        );
                    },
                    cancellationToken
                )
        );
        return set;
    }

    private static void Print(IReadOnlyList<FeatureFlag> flags) =>
        Session.Table(["FLAG", "STATE", "BY"], [.. flags.Select(flag => (string[])[flag.Name, State(flag), Source(flag)])]);

    private static string State(FeatureFlag flag) => flag.IsOn ? "on" : "off";

    private static string Source(FeatureFlag flag) =>
        flag.Source switch
        {
            FlagSource.Command => $"command, {flag.SwitchedAt:u}",
            FlagSource.Configuration => "configuration",
            _ => "default",
        };
}
