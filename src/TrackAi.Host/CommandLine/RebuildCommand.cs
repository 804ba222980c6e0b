using System.CommandLine;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Host.CommandLine;

/// <summary><c>projections rebuild NAME|--all</c>: read models anew from the log, while hosts go on and readers see the old ones.</summary>
internal static class RebuildCommand
{
    /// <summary>The relations that are written with their events (tenant, funnel, gateway_connection).</summary>
    private const string Tenants = "Tenants";

    private sealed record Rebuilt(string Name, long Events, double Seconds);

    public static Command Create()
    {
        var name = new Argument<string?>("NAME")
        {
            Description = $"As 'projections list' prints it, or {Tenants}.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var all = new Option<bool>("--all") { Description = "Every one, one after the other." };
        var rebuild = new Verb(
            "rebuild",
            "Build a read model again from the whole log and put it in place in one moment. Goes on where a killed one was.",
            "projections rebuild Visits",
            "projections rebuild --all"
        )
        {
            name,
            all,
        };
        rebuild.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                    {
                        var known = services.GetServices<IProjection>().Select(projection => projection.Name).Append(Tenants).ToArray();
                        if (parsed.GetValue(name) is null == !parsed.GetValue(all))
                            throw new CommandFailedException($"give one name or --all: {string.Join(", ", known)}.");
                        var rebuilt = new List<Rebuilt>();
                        foreach (var one in parsed.GetValue(all) ? known : [ShardNames.Find(known, parsed.GetValue(name)!, "projection")])
                            rebuilt.Add(await RebuildAsync(services, one, cancellationToken));
                        Session.Print(parsed, rebuilt, Print);
                    },
                    cancellationToken
                )
        );
        return rebuild;
    }

    private static async Task<Rebuilt> RebuildAsync(IServiceProvider services, string name, CancellationToken cancellationToken)
    {
        var time = services.GetRequiredService<TimeProvider>();
        var started = time.GetTimestamp();
        var events = 0L;
        if (name == Tenants)
            events = await services.GetRequiredService<ITenantAdministration>().RebuildRelationsAsync(cancellationToken);
        else
            await ProgressBar.ShowAsync(
                name,
                prints: false,
                time,
                progress =>
                    services
                        .GetRequiredService<ProjectionRebuilder>()
                        .RebuildAsync(
                            name,
                            new Reporter(report =>
                            {
                                events = report.Target;
                                progress(
                                    report.Percent,
                                    $"{report.Position}/{report.Target}, {report.EventsPerSecond:0} events/s, {(report.TimeLeft is { } left ? $"{left:mm\\:ss} left" : "done")}"
                                );
                            }),
                            cancellationToken
                        )
            );
        return new Rebuilt(name, events, time.GetElapsedTime(started).TotalSeconds);
    }

    private static void Print(IReadOnlyList<Rebuilt> rebuilt)
    {
        foreach (var one in rebuilt)
            Console.WriteLine(
                one.Name == Tenants
                    ? FormattableString.Invariant($"{one.Name} rebuilt: {one.Events} tenants in {one.Seconds:0.0} s.")
                    : FormattableString.Invariant(
                        $"{one.Name} rebuilt up to event {one.Events} in {one.Seconds:0.0} s ({one.Events / Math.Max(one.Seconds, 0.001):0}/s)."
                    )
            );
    }

    // IProgress<T> of the framework reports on other threads, out of order.
    private sealed class Reporter(Action<RebuildProgress> report) : IProgress<RebuildProgress>
    {
        public void Report(RebuildProgress value) => report(value);
    }
}
