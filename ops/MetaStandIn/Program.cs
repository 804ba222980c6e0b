using System.Globalization;
using System.Runtime.InteropServices;
using TrackAi.MetaStandIn;

// A stand-in for Meta's Conversions API on loopback: --port PORT (a free one when left out), --ledger FILE.
var settings = new ConfigurationBuilder().AddCommandLine(args).Build();
if (!ushort.TryParse(settings["port"] ?? "0", CultureInfo.InvariantCulture, out var port))
{
    await Console.Error.WriteLineAsync("--port must be a number from 0 to 65535.");
    return 2;
}

await using var meta = await MetaStandInServer.StartAsync(new MetaStandInOptions { Port = port, LedgerFile = settings["ledger"] });
Console.WriteLine($"Stand-in for Meta on {meta.BaseUrl}, {meta.ReceivedCount} events remembered.");

var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
await stop.Task;
return 0;

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.TrySetResult();
}
