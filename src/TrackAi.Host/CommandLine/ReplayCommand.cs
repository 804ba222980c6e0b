using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Host.CommandLine;

/// <summary><c>replay STREAM|--from --to</c>: each decision made again, beside the recorded one, without any effect unless <c>--dispatch</c> asks for it.</summary>
internal static class ReplayCommand
{
    // When a decision was made is not part of it.
    private static readonly string[] Moments = ["decidedAt", "requestedAt"];
    private static readonly EventSerializer Serializer = new(EventTypes.All, EventTypes.Metadata);

    private sealed record Line(
        long Sequence,
        string Stream,
        string Type,
        string Handler,
        string Verdict,
        IReadOnlyList<string> Decided,
        IReadOnlyList<string> Recorded,
        string? Reason = null
    );

    public static Command Create()
    {
        var stream = new Argument<string?>("STREAM")
        {
            Description = "Such as conversion-perfectpay-PPCPMTB1.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var tenant = new Option<string?>("--tenant") { Description = "The stream's tenant." };
        var replay = new Verb(
            "replay",
            "Run events through the handlers again, without any effect, and print each decision beside the recorded one. Exit code 1 when one differs or cannot be read; "
                + "with --dispatch, which really sends, when something could not be sent or Meta did not take it.",
            "replay conversion-perfectpay-A-1001 --tenant acme",
            "replay --from 1 --to 1000 --json",
            "replay conversion-perfectpay-A-1001 --tenant acme --dispatch --dry-run"
        )
        {
            stream,
            tenant,
            LogPositions.From,
            LogPositions.To,
            ReplayDispatch.Dispatch,
            ReplayDispatch.DryRun,
            ReplayDispatch.Confirmed,
            ReplayDispatch.Force,
        };
        replay.SetAction(
            async (parsed, cancellationToken) =>
            {
                if (parsed.GetValue(stream) is null == (parsed.GetValue(LogPositions.From) is null))
                    throw new CommandFailedException("give a STREAM with --tenant, or --from with --to.");
                if (parsed.GetValue(stream) is not null && parsed.GetValue(tenant) is null)
                    throw new CommandFailedException("give the stream's --tenant.");

                LogPositions.Check(parsed);
                ReplayDispatch.Check(parsed);

                var clock = new ReplayClock();
                await using var application = await OpenAsync(clock, cancellationToken);
                await application.StartAsync(cancellationToken);
                var store = application.Services.GetRequiredService<PostgresEventStore>();
                var keptFrom = application.Services.GetRequiredService<IMatchRules>().KeptFrom();
                var (after, upTo) = (
                    LogPositions.After(parsed),
                    Math.Min(parsed.GetValue(LogPositions.To) ?? long.MaxValue, await store.ReadHighWaterMarkAsync(cancellationToken))
                );
                var events = parsed.GetValue(stream) is { } name
                    ? await ReadStreamAsync(store, new StreamId(parsed.GetValue(tenant)!, name), cancellationToken)
                    : store.ReadAllAsync(after, upTo, cancellationToken);

                var lines = new List<Line>();
                var decided = new HashSet<(string, string)>();
                var requests = new List<ReplayedRequest>();
                var ofOneEvent = new List<Replayed>();
                async Task ShowAsync()
                {
                    foreach (var one in WithTheirOwn(ofOneEvent).Select(one => WithoutDecided(one, decided)))
                    {
                        var line = await CompareAsync(one, keptFrom, store, cancellationToken);
                        lines.Add(line);
                        requests.AddRange(
                            one.Decided.OfType<DispatchRequested>().Select(request => new ReplayedRequest(one.Event.TenantId, request))
                        );
                        if (!parsed.GetValue(Session.Json))
                            Print(line);
                    }

                    ofOneEvent.Clear();
                }

                await ProgressBar.ShowAsync(
                    "replay",
                    prints: true,
                    clock,
                    async progress =>
                    {
                        await foreach (
                            var one in application
                                .Services.GetRequiredService<Replayer>()
                                .ReplayAsync(events, now => clock.Now = now, cancellationToken)
                        )
                        {
                            if (ofOneEvent.Count > 0 && ofOneEvent[0].Event.Sequence != one.Event.Sequence)
                                await ShowAsync();
                            ofOneEvent.Add(one);
                            progress(ProgressBar.Percent(one.Event.Sequence, after, upTo), $"{one.Event.Sequence}/{upTo}");
                        }

                        await ShowAsync();
                    }
                );

                if (!parsed.GetValue(Session.Json))
                    Console.WriteLine(
                        $"{lines.Count} decisions replayed, {lines.Count(line => line.Verdict == "differs")} differ{Unreadable(lines)}{Erased(lines)}{Expired(lines, keptFrom)}."
                    );
                if (!parsed.GetValue(ReplayDispatch.Dispatch))
                {
                    Session.Print(parsed, lines, _ => { });
                    return lines.Exists(line => line.Verdict is "differs" or "unreadable") ? 1 : 0;
                }

                // What is sent is sent now.
                clock.Now = null;
                var dispatches = await ReplayDispatch.RunAsync(parsed, application.Services, requests, cancellationToken);
                Session.Print(
                    parsed,
                    new { Decisions = lines, Dispatches = dispatches },
                    sent => ReplayDispatch.Print(sent.Dispatches, parsed.GetValue(ReplayDispatch.DryRun))
                );
                return
                    !lines.Exists(line => line.Verdict == "unreadable")
                    && (parsed.GetValue(ReplayDispatch.DryRun) || ReplayDispatch.IsDone(dispatches))
                    ? 0
                    : 1;
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

    private static async Task<IAsyncEnumerable<RecordedEvent>> ReadStreamAsync(
        PostgresEventStore store,
        StreamId stream,
        CancellationToken cancellationToken
    ) =>
        await store.ReadStreamAsync(stream, cancellationToken) is { Count: > 0 } events
            ? events.ToAsyncEnumerable()
            : throw new CommandFailedException($"tenant {stream.TenantId} has no stream '{stream.Id}'.");

    // What is recorded of an event names no handler: who decides nothing where another decides has only learned from it.
    private static IEnumerable<Replayed> WithTheirOwn(List<Replayed> ofOneEvent) =>
        ofOneEvent.Select(one =>
            one.Decided.Count == 0 && ofOneEvent.Exists(other => other.Decided.Count > 0) ? one with { Recorded = [] } : one
        );

    // What came before the first decision was recorded sees none: it was made once all the same.
    private static Replayed WithoutDecided(Replayed one, HashSet<(string Tenant, string Of)> decided) =>
        one with
        {
            Decided =
            [
                .. one.Decided.Where(decision =>
                    decision switch
                    {
                        DispatchRequested request => decided.Add((one.Event.TenantId, request.DispatchId)),
                        DispatchSkipped skipped => decided.Add((one.Event.TenantId, skipped.ConversionId)),
                        _ => true,
                    }
                ),
            ],
        };

    private static async Task<Line> CompareAsync(
        Replayed one,
        DateTimeOffset keptFrom,
        PostgresEventStore store,
        CancellationToken cancellationToken
    )
    {
        if ((one.Unreadable ?? one.Recorded.Select(later => later.WhyUnreadable).FirstOrDefault(why => why is not null)) is { } reason)
            return new Line(one.Event.Sequence, one.Event.Stream.Id, one.Event.Type, one.Handler, "unreadable", [], [], reason);
        var line = Compare(one);
        return line.Verdict != "differs" ? line
            : await IsErasedAsync(one, store, cancellationToken) ? line with { Verdict = "erased" }
            : IsExpired(one, keptFrom) ? line with { Verdict = "expired" }
            : line;
    }

    // It was decided by clicks that may not be kept any more.
    private static bool IsExpired(Replayed one, DateTimeOffset keptFrom) =>
        one.Recorded.Select(later => later.Data).Concat(one.Decided).SelectMany(LookedFrom).Any(from => from < keptFrom);

    private static IEnumerable<DateTimeOffset> LookedFrom(object decision) =>
        decision switch
        {
            ConversionMatched matched => [matched.WindowFrom, .. matched.Tried.Select(tried => tried.WindowFrom).OfType<DateTimeOffset>()],
            ConversionUnmatched unmatched =>
            [
                unmatched.WindowFrom,
                .. unmatched.Tried.Select(tried => tried.WindowFrom).OfType<DateTimeOffset>(),
            ],
            _ => [],
        };

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
        return streams.SelectMany(stream => stream).Any(recorded => recorded.WhyUnreadable is null && recorded.Data is PersonalDataErased);
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
        var json = JsonNode.Parse(Serializer.Serialize(decision))!.AsObject();
        foreach (var moment in Moments)
            json.Remove(moment);
        return $"{EventSerializer.AliasOf(decision.GetType())} {json.ToJsonString(JsonSerializerOptions.Web)}";
    }

    private static string Unreadable(List<Line> lines) =>
        lines.Count(line => line.Verdict == "unreadable") is > 0 and var unreadable ? $", {unreadable} cannot be read" : "";

    private static string Erased(List<Line> lines) =>
        lines.Count(line => line.Verdict == "erased") is > 0 and var erased
            ? $", {erased} cannot be made again: the person was erased"
            : "";

    private static string Expired(List<Line> lines, DateTimeOffset keptFrom) =>
        lines.Count(line => line.Verdict == "expired") is > 0 and var expired
            ? $", {expired} cannot be made again: their evidence has expired (clicks from before {keptFrom.ToUniversalTime():yyyy-MM-dd} are not kept)"
            : "";

    private static void Print(Line line)
    {
        var verdict = line.Reason is { } reason ? $"cannot be read: {reason}" : line.Verdict;
        Console.WriteLine($"{line.Sequence, 10}  {line.Stream}  {line.Type} → {line.Handler}: {verdict}");
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
