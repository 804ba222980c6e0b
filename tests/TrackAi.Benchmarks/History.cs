using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Benchmarks;

/// <summary>
/// A made-up past: clicks and sales of some tenants over some days, in the order in which a log would hold them, with the sizes of real events.
/// The same seed gives the same past.
/// </summary>
internal sealed class History(int seed, IReadOnlyList<string> tenants, DateTimeOffset until, int days)
{
    public const int UsualDays = 365;

    private static readonly string[] Gateways = ["perfectpay", "hotmart", "kiwify", "stripe"];
    private static readonly string[] Campaigns = ["violao-quente", "curso-ingles", "receitas-fit", "mentoria-2026", "remarketing"];

    private readonly Random random = new(seed);
    private readonly PriorityQueue<ImportedEvent, (DateTimeOffset, long)> ahead = new();
    private readonly string run = $"{seed:x8}";
    private long queued;

    /// <summary>The funnel of a gateway's sales; null for none.</summary>
    public Func<string, string?> FunnelOf { get; init; } = _ => null;

    /// <summary>About 5.4 events a sale. The tenants must be there.</summary>
    public IEnumerable<ImportedEvent> Take(long events)
    {
        var from = until.AddDays(-days);
        var given = 0L;
        var step = TimeSpan.FromDays(days) / Math.Max(1, events / 5.4);
        for (var now = from; given < events; now += step)
        {
            Sell(now);
            while (given < events && ahead.TryPeek(out _, out var due) && due.Item1 <= now)
            {
                yield return ahead.Dequeue();
                given++;
            }
        }
    }

    private void Sell(DateTimeOffset clickedAt)
    {
        // A few tenants make most of the sales.
        var tenant = tenants[(int)(tenants.Count * Math.Pow(random.NextDouble(), 2))];
        var gateway = Gateways[random.Next(Gateways.Length)];
        var order = $"{run}{random.NextInt64():x16}";
        var (conversion, clickId) = (Streams.ConversionId(gateway, order), ClickToken.New(random.NextBytes));
        var campaign = new Campaign(
            "FB",
            "conjunto-b|120210998877660055",
            $"{Campaigns[random.Next(Campaigns.Length)]}|120210998877660012",
            "carrossel-1|120210998877660102",
            null,
            null,
            null,
            null
        );
        var has = new Identifiers(true, true, true, true, true, false);
        if (random.NextDouble() < 0.9)
            At(
                clickedAt,
                tenant,
                Streams.Click(clickId),
                new ClickCaptured(clickId, campaign, has with { Email = false, Phone = false }, clickedAt, Sealed(390))
            );
        if (random.NextDouble() < 0.3)
        {
            var pageview = NewGuid();
            At(
                clickedAt.AddSeconds(1),
                tenant,
                Streams.Pageview(pageview),
                new PageviewCaptured(pageview, clickId, campaign, has, "PPPB0AQX", null, clickedAt.AddSeconds(1), Sealed(390))
            );
        }

        var soldAt = clickedAt.AddSeconds(30 + random.Next(3600));
        var value = new Money(random.Next(27, 997) + 0.90m, random.NextDouble() < 0.9 ? "BRL" : "USD");
        var pending = random.NextDouble() < 0.2;
        At(
            soldAt,
            tenant,
            Streams.Conversion(conversion),
            new ConversionReceived(
                conversion,
                gateway,
                order,
                Ids.EventId(tenant, gateway, order, "Purchase"),
                ConversionKind.Sale,
                pending ? PaymentState.Pending : PaymentState.Approved,
                value,
                "PPPB0AQX",
                clickId,
                Campaign.None,
                has,
                soldAt,
                soldAt,
                pending ? "pending" : "approved",
                $"{conversion}-1",
                [],
                Sealed(1100)
            )
        );
        var paidAt = soldAt;
        if (pending)
        {
            paidAt = soldAt.AddMinutes(random.Next(1, 600));
            if (random.NextDouble() < 0.3)
                return;
            Change(PaymentState.Pending, PaymentState.Approved, "approved", paidAt);
        }

        Decide(paidAt.AddMilliseconds(20));
        Dispatch(paidAt.AddMilliseconds(40));
        if (random.NextDouble() < 0.04)
            Change(PaymentState.Approved, PaymentState.Refunded, "refunded", paidAt.AddDays(random.Next(1, 7)));

        void Change(PaymentState before, PaymentState after, string status, DateTimeOffset at) =>
            At(
                at,
                tenant,
                Streams.Conversion(conversion),
                new ConversionStateChanged(
                    conversion,
                    gateway,
                    before,
                    after,
                    value,
                    at,
                    at,
                    status,
                    $"{conversion}-{status}",
                    Sealed(1100)
                )
            );

        void Decide(DateTimeOffset at)
        {
            RuleTried[] tried =
            [
                new(MatchRule.ClickToken, "matched", 1),
                new(MatchRule.Fbclid, "no_identifier", 0),
                new(MatchRule.Fbc, "not_needed", 0),
                new(MatchRule.Fbp, "not_needed", 0),
                new(MatchRule.EmailHash, "not_found", 0),
                new(MatchRule.PhoneHash, "not_found", 0),
            ];
            var window = soldAt.AddDays(-7);
            var rule = (MatchRule)random.Next(6);
            At(
                at,
                tenant,
                Streams.Conversion(conversion),
                random.NextDouble() < 0.75
                    ? new ConversionMatched(
                        conversion,
                        gateway,
                        clickId,
                        rule,
                        1,
                        1,
                        clickedAt,
                        window,
                        tried,
                        [new(clickId, rule, clickedAt, "won")],
                        at
                    )
                    {
                        FunnelId = FunnelOf(gateway),
                    }
                    : new ConversionUnmatched(conversion, gateway, "no_click_found", 1, window, tried, [], at)
                    {
                        FunnelId = FunnelOf(gateway),
                    }
            );
        }

        void Dispatch(DateTimeOffset at)
        {
            const string Pixel = "123456789012345";
            var eventId = Ids.EventId(tenant, gateway, order, "Purchase");
            var dispatch = $"{eventId}/{Pixel}";
            if (random.NextDouble() < 0.03)
            {
                At(at, tenant, Streams.Conversion(conversion), new DispatchSkipped(conversion, gateway, "Purchase", "no_pixel", at));
                return;
            }

            At(
                at,
                tenant,
                Streams.Conversion(conversion),
                new DispatchRequested(conversion, gateway, dispatch, eventId, "Purchase", Pixel, clickId, at)
            );
            var (attempt, latency) = (1, 40 + random.NextDouble() * 200);
            var done = at.AddMilliseconds(100);
            if (random.NextDouble() < 0.02)
            {
                At(
                    done,
                    tenant,
                    Streams.Conversion(conversion),
                    new DispatchFailed(
                        conversion,
                        gateway,
                        dispatch,
                        Pixel,
                        attempt++,
                        500,
                        "transient",
                        2,
                        null,
                        "Service temporarily unavailable",
                        "AbCdEfGhIjK",
                        latency,
                        done.AddSeconds(3),
                        done
                    )
                );
                done = done.AddSeconds(3);
            }

            At(
                done,
                tenant,
                Streams.Conversion(conversion),
                random.NextDouble() < 0.005
                    ? new DispatchDeadLettered(
                        conversion,
                        gateway,
                        dispatch,
                        Pixel,
                        attempt,
                        400,
                        "permanent",
                        100,
                        2804003,
                        "Event too old",
                        "AbCdEfGhIjK",
                        latency,
                        done
                    )
                    : new DispatchSucceeded(conversion, gateway, dispatch, Pixel, attempt, 200, "AbCdEfGhIjK", latency, [], done)
            );
        }
    }

    private void At(DateTimeOffset at, string tenant, string stream, object data) =>
        ahead.Enqueue(new ImportedEvent(new StreamId(tenant, stream), data, at), (at, queued++));

    private Guid NewGuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        random.NextBytes(bytes);
        return new Guid(bytes);
    }

    // Cannot be opened: as long as a sealed person is, and as hard to compress.
    private string Sealed(int length)
    {
        var bytes = new byte[length * 3 / 4];
        random.NextBytes(bytes);
        return Convert.ToBase64String(bytes);
    }
}
