using System.CommandLine;
using System.Text;
using System.Text.Json;
using TrackAi.EventStore;

namespace TrackAi.Host.CommandLine;

/// <summary><c>events show|tail|export</c>: the log as it is; personal data in it stays encrypted.</summary>
internal static class EventCommands
{
    public static Command Create()
    {
        var tenant = new Option<string>("--tenant") { Description = "The tenant's slug.", Required = true };
        var stream = new Argument<string>("STREAM") { Description = "Such as conversion-perfectpay-PPCPMTB1." };
        var count = new Option<int>("--count")
        {
            Description = "How many of the last events to begin with.",
            DefaultValueFactory = _ => 20,
        };
        var follow = new Option<bool>("--follow") { Description = "Go on with new events until stopped." };

        var show = new Verb(
            "show",
            "The events of one stream: version, position, time, type and content. On a terminal one line each; whole with --json, and where it is redirected.",
            "events show conversion-perfectpay-A-1001 --tenant acme"
        )
        {
            stream,
            tenant,
        };
        show.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                    {
                        var events = await services
                            .GetRequiredService<PostgresEventStore>()
                            .ReadStreamAsync(new StreamId(parsed.GetValue(tenant)!, parsed.GetValue(stream)!), cancellationToken);
                        if (events.Count == 0)
                            throw new CommandFailedException(
                                $"tenant {parsed.GetValue(tenant)} has no stream '{parsed.GetValue(stream)}'."
                            );
                        Session.Print(parsed, events.Select(Shown).ToArray(), _ => PrintStream(events));
                    },
                    cancellationToken
                )
        );

        var tail = new Verb(
            "tail",
            "The last events of the log, and with --follow the next ones; with --json one object a line.",
            "events tail --count 20 --follow"
        )
        {
            count,
            follow,
        };
        tail.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    services => TailAsync(parsed, services, parsed.GetValue(count), parsed.GetValue(follow), cancellationToken),
                    cancellationToken
                )
        );

        var export = new Verb("export", "The log as JSON lines, with --json and without.", "events export --from 1 --to 1000 > log.jsonl")
        {
            LogPositions.From,
            LogPositions.To,
        };
        export.SetAction(
            (parsed, cancellationToken) =>
            {
                LogPositions.Check(parsed);
                return Session.UseAsync(
                    services => ExportAsync(services, LogPositions.After(parsed), parsed.GetValue(LogPositions.To), cancellationToken),
                    cancellationToken
                );
            }
        );
        return new Command("events", "The event log.") { show, tail, export };
    }

    private static async Task ExportAsync(IServiceProvider services, long after, long? to, CancellationToken cancellationToken)
    {
        var store = services.GetRequiredService<PostgresEventStore>();
        var last = Math.Min(to ?? long.MaxValue, await store.ReadHighWaterMarkAsync(cancellationToken));
        await ProgressBar.ShowAsync(
            "export",
            prints: true,
            services.GetRequiredService<TimeProvider>(),
            async progress =>
            {
                await foreach (var recorded in store.ReadAllAsync(after, last, cancellationToken))
                {
                    PrintLine(recorded);
                    progress(ProgressBar.Percent(recorded.Sequence, after, last), $"{recorded.Sequence}/{last}");
                }
            }
        );
    }

    private static async Task TailAsync(
        ParseResult parsed,
        IServiceProvider services,
        int count,
        bool follow,
        CancellationToken cancellationToken
    )
    {
        var store = services.GetRequiredService<PostgresEventStore>();
        var time = services.GetRequiredService<TimeProvider>();
        var position = Math.Max(0, await store.ReadHighWaterMarkAsync(cancellationToken) - count);
        do
        {
            await foreach (var recorded in store.ReadAllAsync(position, cancellationToken: cancellationToken))
            {
                if (parsed.GetValue(Session.Json))
                    PrintLine(recorded);
                else
                    PrintLogged(recorded);
                position = recorded.Sequence;
            }
            if (follow)
                await Task.Delay(TimeSpan.FromMilliseconds(300), time, cancellationToken);
        } while (follow);
    }

    private static object Shown(RecordedEvent recorded) =>
        new
        {
            recorded.Sequence,
            recorded.Id,
            recorded.TenantId,
            Stream = recorded.Stream.Id,
            recorded.Version,
            recorded.Type,
            recorded.Timestamp,
            Data = JsonSerializer.Deserialize<JsonElement>(recorded.Json.Span),
        };

    // One object a line: what is streamed is no array.
    private static void PrintLine(RecordedEvent recorded) => Console.WriteLine(Session.ToJsonLine(Shown(recorded)));

    private static void PrintStream(IReadOnlyList<RecordedEvent> events)
    {
        Console.WriteLine($"{events[0].Stream.Id} of tenant {events[0].TenantId}, {events.Count} events");
        foreach (var recorded in events)
            Console.WriteLine(Session.Fitted($"{recorded.Version, 4}  {recorded.Sequence, 8}  {recorded.Timestamp:u}  {Told(recorded)}"));
    }

    private static void PrintLogged(RecordedEvent recorded) =>
        Console.WriteLine(
            Session.Fitted(
                $"{recorded.Sequence, 8}  {recorded.Timestamp:u}  {recorded.TenantId}/{recorded.Stream.Id}@{recorded.Version}  {Told(recorded)}"
            )
        );

    private static string Told(RecordedEvent recorded) => $"{recorded.Type}  {Encoding.UTF8.GetString(recorded.Json.Span)}";
}
