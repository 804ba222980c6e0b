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

/// <summary>Reads the streams of claimed dispatches and builds Meta's events, many at a time.</summary>
internal sealed class PrepareDispatches(PostgresEventStore store, IPersonalData people, TimeProvider time)
{
    public async Task<Preparation> HandleAsync(IReadOnlyList<ClaimedDispatch> claimed, CancellationToken cancellationToken)
    {
        var streams = await store.ReadStreamsAsync([.. claimed.Select(StreamOf)], cancellationToken);
        var conversions = streams.ToDictionary(stream => stream.Key, ConversionToDispatch.From);
        var clicks = await ReadClicksAsync(conversions, cancellationToken);
        var opened = await OpenAsync(conversions, clicks, cancellationToken);

        var (toSend, ended, confirmed) = (new List<PreparedDispatch>(), new List<Attempt>(), new List<ClaimedDispatch>());
        var now = time.GetUtcNow();
        foreach (var one in claimed)
        {
            if (
                !conversions.TryGetValue(StreamOf(one), out var conversion)
                || !conversion.Requested.TryGetValue(one.DispatchId, out var request)
            )
                throw new InvalidOperationException(
                    $"Dispatch {one.DispatchId} is queued, but stream {StreamOf(one)} does not request it."
                );
            if (conversion.Succeeded.Contains(one.DispatchId))
            {
                confirmed.Add(one);
                continue;
            }

            if (conversion.IsErased)
            {
                ended.Add(Attempt.Dead(one, request.Gateway, "erased", Failure.WithoutAsking("The buyer was erased."), now));
                continue;
            }

            var prepared = new PreparedDispatch(one, request.Gateway, Build(one.TenantId, request, conversion, clicks, opened, now));
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
        var people1 = await people.OpenAsync(parts, cancellationToken);
        return parts
            .Zip(people1)
            .Where(pair => pair.Second is not null)
            .ToDictionary(pair => pair.First.Protected, pair => pair.Second!, StringComparer.Ordinal);
    }

    private static CapiEvent Build(
        string tenant,
        DispatchRequested request,
        ConversionToDispatch conversion,
        IReadOnlyDictionary<StreamId, ClickCaptured> clicks,
        IReadOnlyDictionary<string, ProtectedPerson> opened,
        DateTimeOffset now
    )
    {
        // Who agreed only at the checkout is reported as a buyer, not as the visitor who had declined.
        var click =
            conversion is { VisitorConsent: not false, ClickId: { } id }
            && clicks.TryGetValue(new StreamId(tenant, Streams.Click(id)), out var captured)
            && opened.TryGetValue(captured.Protected, out var visitor)
                ? new CapiClick(visitor, captured.OccurredAt)
                : null;
        return CapiPayload.Build(
            CapiSale.Of(request, conversion.Received!, conversion.Approval),
            [.. conversion.Buyer.Select(part => opened.GetValueOrDefault(part)).OfType<ProtectedPerson>()],
            click,
            now
        );
    }

    private static StreamId StreamOf(ClaimedDispatch claimed) => new(claimed.TenantId, Streams.Conversion(claimed.ConversionId));
}
