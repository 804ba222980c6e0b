using System.CommandLine;
using System.CommandLine.Help;
using TrackAi.Demo;
using TrackAi.Host.CommandLine;

var exit = new Option<bool>("--exit") { Description = "End after the summary; exit code 1 if anything expected did not arrive." };
var data = new Option<string?>("--data") { Description = "Where the demo keeps its data; .trackai/demo of the clone when left out." };
var demo = new Command(
    "demo",
    "The whole product on this machine, with a stand-in for Meta, until Ctrl-C. Serves http://127.0.0.1:3001, or where the environment variable Urls says. Example: ./trackai demo --exit"
)
{
    exit,
    data,
};
demo.SetAction(
    (parsed, cancellationToken) =>
        DemoRun.RunAsync(
            parsed.GetValue(data) ?? Path.Combine(Environment.GetEnvironmentVariable("TRACKAI_DATA_DIR") ?? ".trackai", "demo"),
            parsed.GetValue(exit),
            cancellationToken
        )
);
var sales = new Option<int>("--sales") { Description = "Sales in each step.", DefaultValueFactory = _ => 200 };
var transport = new Option<string>("--transport")
{
    Description = "postgres, or sqs: a stand-in on this machine, or the one that the environment variable Sqs__ServiceUrl names.",
    DefaultValueFactory = _ => "postgres",
};
transport.AcceptOnlyFromAmong("postgres", "sqs");
var drill = new Command(
    "drill",
    "Break a scratch installation on purpose and print the evidence that nothing was lost and nothing was sent under two ids. Example: ./trackai drill --transport sqs"
)
{
    sales,
    transport,
};
drill.SetAction(
    (parsed, cancellationToken) => Drill.RunAsync(parsed.GetValue(sales), parsed.GetValue(transport) == "sqs", cancellationToken)
);
var program = new Command("trackai", "What the script ./trackai of a clone has beside the program's own verbs.")
{
    new HelpOption(),
    demo,
    drill,
};
try
{
    return await program.Parse(args).InvokeAsync(TrackAiCommandLine.Invocation);
}
catch (OperationCanceledException)
{
    return ExitCode.Interrupted;
}
catch (Exception exception) when ((exception is IOException ? exception.Message : TrackAiCommandLine.Explain(exception)) is { } explanation)
{
    await Console.Error.WriteLineAsync($"{TrackAiCommandLine.Name}: {explanation}");
    return ExitCode.Refused;
}
