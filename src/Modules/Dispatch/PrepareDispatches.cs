using TrackAi.Contracts;
using TrackAi.Dispatch.Queue;
using TrackAi.EventStore;

namespace TrackAi.Dispatch;

/// <summary>What claimed dispatches turn into: events to send, ends to record without asking Meta, and those Meta has confirmed already.</summary>
internal sealed record Preparation(
    IReadOnlyList<PreparedDispatch> ToSend,
    IReadOnlyList<Attempt> Ended,
    IReadOnlyList<ClaimedDispatch> AlreadyConfirmed
);

/// <summary>Conversions with everything their events are built from.</summary>
internal sealed class OpenedConversions(
    IReadOnlyDictionary<StreamId, ConversionToDispatch> conversions,
    IReadOnlyDictionary<StreamId, ClickCaptured> clicks,
    IReadOnlyDictionary<string, ProtectedPerson> people
)
{
    public ConversionToDispatch? Find(StreamId stream) => conversions.GetValueOrDefault(stream);

    /// <summary>The event that a request of a conversion asks for.</summary>
    public CapiEvent Build(StreamId stream, DispatchRequested request, DateTimeOffset now) =>
        Build(stream, CapiSale.Of(request, conversions[stream].Received!, conversions[stream].Approval), request.ClickId, now);

    /// <summary>What Meta would be told of the person.</summary>
    public CapiUserData PersonOf(StreamId stream, DateTimeOffset now)
    {
        var received = conversions[stream].Received!;
        var sale = new CapiSale("", received.EventId, received.OrderId, received.Value, null, conversions[stream].PaidAt);
        return Build(stream, sale, conversions[stream].ClickId, now).UserData;
    }

    private CapiEvent Build(StreamId stream, CapiSale sale, string? clickId, DateTimeOffset now)
    {
        var conversion = conversions[stream];
        // Who agreed only at the checkout is reported as a buyer, not as the visitor who had declined.
        var click =
            conversion.VisitorConsent is not false
            && clickId is { } id
            && clicks.TryGetValue(new StreamId(stream.TenantId, Streams.Click(id)), out var captured)
            && people.TryGetValue(captured.Protected, out var visitor)
                ? new CapiClick(visitor, captured.OccurredAt)
                : null;
        return CapiPayload.Build(
            sale,
            [.. conversion.Buyer.Select(part => people.GetValueOrDefault(part)).OfType<ProtectedPerson>()],
            click,
            now
        );
    }
}

/// <summary>Reads the streams of claimed dispatches and builds Meta's events, many at a time.</summary>
internal sealed class PrepareDispatches(PostgresEventStore store, IPersonalData people, TimeProvider time)
{
    public async Task<Preparation> HandleAsync(IReadOnlyList<ClaimedDispatch> claimed, CancellationToken cancellationToken)
    {
        var opened = await OpenAsync([.. claimed.Select(StreamOf).Distinct()], cancellationToken);
        var (toSend, ended, confirmed) = (new List<PreparedDispatch>(), new List<Attempt>(), new List<ClaimedDispatch>());
        var now = time.GetUtcNow();
        foreach (var one in claimed)
        {
            if (opened.Find(StreamOf(one)) is not { } conversion || !conversion.Requested.TryGetValue(one.DispatchId, out var request))
                throw new InvalidOperationException(
                    $"Dispatch {one.DispatchId} is queued, but stream {StreamOf(one)} does not request it."
                );
            if (conversion.Succeeded.Contains(one.DispatchId))
            {
                confirmed.Add(one);
                continue;
            }

            if (Refusal(conversion) is { } refusal)
            {
                ended.Add(Attempt.Dead(one, request.Gateway, refusal.Reason, Failure.WithoutAsking(refusal.Words), now));
                continue;
            }

            var prepared = new PreparedDispatch(
                one,
                request.Gateway,
                opened.Build(StreamOf(one), request with { ClickId = conversion.ClickId }, now)
            );
            var problems = EventValidation.Check(prepared.Event, now);
            if (problems.Count == 0)
                toSend.Add(prepared);
            else
                ended.Add(
                    Attempt.Dead(
                        one,
                        request.Gateway,
                        problems[0],
                        Failure.WithoutAsking($"Meta would refuse it: {string.Join(", ", problems)}."),
                        now
                    )
                );
        }

        return new Preparation(toSend, ended, confirmed);
    }

    // What the person said while it waited counts, too.
    private static (string Reason, string Words)? Refusal(ConversionToDispatch conversion) =>
        conversion.IsErased ? ("erased", "The buyer was erased.")
        : conversion.Consent is false ? ("no_consent", "The buyer does not agree to be reported any more.")
        : null;

    /// <summary>Reads conversions with their clicks and opens what is protected in them.</summary>
    public async Task<OpenedConversions> OpenAsync(IReadOnlyCollection<StreamId> streams, CancellationToken cancellationToken) =>
        await OpenAsync(
            (await store.ReadStreamsAsync(streams, cancellationToken)).ToDictionary(stream => stream.Key, ConversionToDispatch.From),
            cancellationToken
        );

    /// <summary>Reads the clicks of conversions and opens what is protected in both.</summary>
    public async Task<OpenedConversions> OpenAsync(
        Dictionary<StreamId, ConversionToDispatch> conversions,
        CancellationToken cancellationToken
    )
    {
        var clicks = await ReadClicksAsync(conversions, cancellationToken);
        return new OpenedConversions(conversions, clicks, await OpenAsync(conversions, clicks, cancellationToken));
    }

    private async Task<IReadOnlyDictionary<StreamId, ClickCaptured>> ReadClicksAsync(
        Dictionary<StreamId, ConversionToDispatch> conversions,
        CancellationToken cancellationToken
    )
    {
        var wanted = conversions
            .Where(pair => pair.Value.ClickId is not null)
            .Select(pair => new StreamId(pair.Key.TenantId, Streams.Click(pair.Value.ClickId!)))
            .Distinct()
            .ToArray();
        return wanted.Length == 0
            ? new Dictionary<StreamId, ClickCaptured>()
            : (await store.ReadStreamsAsync(wanted, cancellationToken)).ToDictionary(
                stream => stream.Key,
                stream => (ClickCaptured)stream.First().Data
            );
    }

    private async Task<IReadOnlyDictionary<string, ProtectedPerson>> OpenAsync(
        Dictionary<StreamId, ConversionToDispatch> conversions,
        IReadOnlyDictionary<StreamId, ClickCaptured> clicks,
        CancellationToken cancellationToken
    )
    {
        ProtectedPart[] parts =
        [
            .. conversions.SelectMany(pair => pair.Value.Buyer.Select(part => new ProtectedPart(pair.Key.TenantId, pair.Key.Id, part))),
            .. clicks.Select(pair => new ProtectedPart(pair.Key.TenantId, pair.Key.Id, pair.Value.Protected)),
        ];
        var opened = await people.OpenAsync(parts, cancellationToken);
        return parts
            .Zip(opened)
            .Where(pair => pair.Second is not null)
            .ToDictionary(pair => pair.First.Protected, pair => pair.Second!, StringComparer.Ordinal);
    }

    private static StreamId StreamOf(ClaimedDispatch claimed) => new(claimed.TenantId, Streams.Conversion(claimed.ConversionId));
}
