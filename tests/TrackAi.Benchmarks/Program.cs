using System.CommandLine;
using TrackAi.Benchmarks;

Command[] measurements =
[
    AppendBenchmark.Verb(),
    LoadBenchmark.Verb(),
    ImportBenchmark.Verb(),
    RebuildBenchmark.Verb(),
    QueryBenchmark.Verb(),
    DashboardBenchmark.Verb(),
    ReceiveBenchmark.Verb(),
    WebhookBenchmark.Verb(),
    MatchingBenchmark.Verb(),
    DispatchVerbs.Dispatch(),
    DispatchVerbs.Fairness(),
    DispatchVerbs.Queue(),
];
var root = new RootCommand(
    "Benchmarks: durable Postgres, everything on this machine. Machines are noisy: compare ratios of one run. Without a verb all of them run, over a log of 1 million events and beside 1 million clicks."
)
{
    GenerateVerb.Verb(),
};
foreach (var measurement in measurements)
    root.Add(measurement);
root.SetAction(
    async (_, cancellationToken) =>
    {
        foreach (var measurement in measurements)
        {
            Console.WriteLine($"\n== {measurement.Name}: {measurement.Description}");
            foreach (var one in RunsOf(measurement))
                if (await root.Parse([measurement.Name, .. one]).InvokeAsync(cancellationToken: cancellationToken) is var failed and not 0)
                    return failed;
        }

        return 0;
    }
);
return await root.Parse(args).InvokeAsync();

// What sends does so by either transport.
static string[][] RunsOf(Command measurement) =>
    measurement.Options.Any(option => option.Name == "--transport")
        ?
        [
            ["--transport", "postgres"],
            ["--transport", "sqs"],
        ]
    : measurement.Name is "queries" or "dashboard"
        ?
        [
            ["--events", "1000000"],
        ]
    : measurement.Name == "matching"
        ?
        [
            ["--clicks", "1000000"],
        ]
    :
    [
        [],
    ];
