using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Host.CommandLine;

/// <summary><c>replay STREAM|--from --to</c>: each decision made again, beside the recorded one, without any effect.</summary>
internal static class ReplayCommand
{
    // When a decision was made is not part of it.
    private static readonly string[] Moments = ["decidedAt", "requestedAt"];

    private sealed record Line(
        long Sequence,
        string Stream,
        string Type,
        string Handler,
        string Verdict,
        IReadOnlyList<string> Decided,
        IReadOnlyList<string> Recorded
    );

    public static Command Create()
    {
        var stream = new Argument<string?>("STREAM")
        {
            Description = "Such as conversion-perfectpay-PPCPMTB1.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var tenant = new Option<string?>("--tenant") { Description = "The stream's tenant." };
        var from = new Option<long?>("--from") { Description = "First position of the log." };
        var to = new Option<long?>("--to") { Description = "Last position of the log." };
        var replay = new Command(
            "replay",
            "Run events through the handlers again, without any effect, and print each decision beside the recorded one. Exit code 1 when one differs."
        )
        {
            stream,
            tenant,
            from,
            to,
            Session.Json,
        };
        replay.SetAction(
            async (parsed, cancellationToken) =>
            {
                if (parsed.GetValue(stream) is null == (parsed.GetValue(from) is null))
                    throw new CommandFailedException("give a STREAM with --tenant, or --from with --to.");
                if (parsed.GetValue(stream) is not null && parsed.GetValue(tenant) is null)
                    throw new CommandFailedException("give the stream's --tenant.");

                var clock = new ReplayClock();
                await using var application = await OpenAsync(clock, cancellationToken);
                await application.StartAsync(cancellationToken);
                var store = application.Services.GetRequiredService<PostgresEventStore>();
                var events = parsed.GetValue(stream) is { } name
                    ? (await store.ReadStreamAsync(new StreamId(parsed.GetValue(tenant)!, name), cancellationToken)).ToAsyncEnumerable()
                    : store.ReadAllAsync(parsed.GetValue(from)!.Value - 1, parsed.GetValue(to), cancellationToken);

                var lines = new List<Line>();
                var ofOneEvent = new List<Replayed>();
                async Task ShowAsync()
                {
                    foreach (var one in WithTheirOwn(ofOneEvent))
                    {
                        var line = await CompareAsync(one, store, cancellationToken);
                        lines.Add(line);
                        if (!parsed.GetValue(Session.Json))
                            Print(line);
                    }

                    ofOneEvent.Clear();
                }

                await foreach (
                    var one in application
                        .Services.GetRequiredService<Replayer>()
                        .ReplayAsync(events, now => clock.Now = now, cancellationToken)
                )
                {
                    if (ofOneEvent.Count > 0 && ofOneEvent[0].Event.Sequence != one.Event.Sequence)
                        await ShowAsync();
                    ofOneEvent.Add(one);
                }

                await ShowAsync();

                if (parsed.GetValue(Session.Json))
                    Session.Print(parsed, lines, _ => { });
                else
                    Console.WriteLine(
                        $"{lines.Count} decisions replayed, {lines.Count(line => line.Verdict == "differs")} differ{Erased(lines)}."
                    );
                return lines.Exists(line => line.Verdict == "differs") ? 1 : 0;
            }
        );
        return replay;
    }

    // The directory of tenants is needed, and nothing that would act: no daemon, no worker, no port that anybody knows.
    private static Task<TrackAiApplication> OpenAsync(ReplayClock clock, CancellationToken cancellationToken) =>
        TrackAiApplication.BuildAsync(
            [],
            builder =>
            {
                Session.Inert(builder);
                builder.Services.AddSingleton<TimeProvider>(clock);
            },
            cancellationToken
        );

    // What is recorded of an event names no handler: who decides nothing where another decides has only learned from it.
    private static IEnumerable<Replayed> WithTheirOwn(List<Replayed> ofOneEvent) =>
        ofOneEvent.Select(one =>
            one.Decided.Count == 0 && ofOneEvent.Exists(other => other.Decided.Count > 0) ? one with { Recorded = [] } : one
        );

    private static async Task<Line> CompareAsync(Replayed one, PostgresEventStore store, CancellationToken cancellationToken)
    {
        var line = Compare(one);
        return line.Verdict == "differs" && await IsErasedAsync(one, store, cancellationToken) ? line with { Verdict = "erased" } : line;
    }

    // What was decided on is gone with the person: of the sale itself, or of a click that was a candidate.
    private static async Task<bool> IsErasedAsync(Replayed one, PostgresEventStore store, CancellationToken cancellationToken)
    {
        var clicks = one
            .Recorded.SelectMany(later =>
                later.Data switch
                {
                    ConversionMatched matched => matched.Candidates,
                    ConversionUnmatched unmatched => unmatched.Candidates,
                    _ => [],
                }
            )
            .Select(candidate => new StreamId(one.Event.TenantId, Streams.Click(candidate.ClickId)));
        var streams = await store.ReadStreamsAsync([.. clicks.Append(one.Event.Stream).Distinct()], cancellationToken);
        return streams.SelectMany(stream => stream).Any(recorded => recorded.Data is PersonalDataErased);
    }

    private static Line Compare(Replayed one)
    {
        var decided = one.Decided.Select(Text).ToArray();
        var recorded = one.Recorded.Select(later => Text(later.Data)).ToArray();
        var verdict =
            decided.Length == 0 && recorded.Length == 0 ? "nothing"
            : decided.SequenceEqual(recorded, StringComparer.Ordinal) ? "same"
            : "differs";
        return new Line(one.Event.Sequence, one.Event.Stream.Id, one.Event.Type, one.Handler, verdict, decided, recorded);
    }

    private static string Text(object decision)
    {
        var json = JsonNode.Parse(EventSerializer.Serialize(decision))!.AsObject();
        foreach (var moment in Moments)
            json.Remove(moment);
        return $"{EventSerializer.AliasOf(decision.GetType())} {json.ToJsonString(JsonSerializerOptions.Web)}";
    }

    private static string Erased(List<Line> lines) =>
        lines.Count(line => line.Verdict == "erased") is > 0 and var erased
            ? $", {erased} cannot be made again: the person was erased"
            : "";

    private static void Print(Line line)
    {
        Console.WriteLine($"{line.Sequence, 10}  {line.Stream}  {line.Type} → {line.Handler}: {line.Verdict}");
        if (line.Verdict != "differs")
            return;
        foreach (var decided in line.Decided.DefaultIfEmpty("nothing"))
            Console.WriteLine($"            now       {decided}");
        foreach (var recorded in line.Recorded.DefaultIfEmpty("nothing"))
            Console.WriteLine($"            recorded  {recorded}");
    }

    /// <summary>Says the time of the event that is replayed; timers run as ever.</summary>
    private sealed class ReplayClock : TimeProvider
    {
        public DateTimeOffset? Now { get; set; }

        public override DateTimeOffset GetUtcNow() => Now ?? System.GetUtcNow();
    }
}
