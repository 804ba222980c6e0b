using System.CommandLine;
using TrackAi.Demo;

var exit = new Option<bool>("--exit") { Description = "End after the summary; exit code 1 if anything expected did not arrive." };
var data = new Option<string?>("--data") { Description = "Where the demo keeps its data; .trackai/demo of the clone when left out." };
var demo = new RootCommand("demo: the whole product on this machine, with a stand-in for Meta. Serves http://127.0.0.1:3001 until Ctrl-C.")
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
var drill = new Command(
    "drill",
    "Break a scratch installation on purpose and print the evidence that nothing was lost and nothing was sent under two ids. Example: ./trackai drill"
)
{
    sales,
};
drill.SetAction((parsed, cancellationToken) => Drill.RunAsync(parsed.GetValue(sales), cancellationToken));
demo.Add(drill);
try
{
    return await demo.Parse(args).InvokeAsync(TrackAi.Host.CommandLine.TrackAiCommandLine.Invocation);
}
catch (Exception exception) when (exception is TrackAi.PrivateCluster.PrivateClusterException or IOException)
{
    await Console.Error.WriteLineAsync($"demo: {exception.Message}");
    return 1;
}
