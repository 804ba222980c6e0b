using TrackAi.Contracts;
using TrackAi.Dashboard.Access;
using TrackAi.Dashboard.Figures;

namespace TrackAi.Dashboard.Tests;

/// <summary>From cells of a day to what people read.</summary>
public sealed class FiguresTests
{
    private static readonly DateOnly Today = new(2026, 11, 21);
    private static readonly Span Week = Span.Of("7d", null, null, Today);

    [Fact]
    public void Rates_and_changes_are_of_the_same_length_of_time()
    {
        var figures = OverviewFigures.Of(
            Week,
            [
                Cell(0, 8, "sent", "click_token"),
                Cell(-1, 2, "dead", "unmatched"),
                Cell(-8, 5, "sent", "fbclid"),
                Cell(-20, 99, "sent", "fbc"),
            ],
            []
        );

        (figures.Received.Value, figures.Received.Before, figures.Received.ChangePct).ShouldBe((10m, 5m, 100m));
        (figures.SuccessPct.Value, figures.MatchPct.Value, figures.Dead.Value).ShouldBe((80m, 80m, 2m));
        figures.Received.Days.ShouldBe([0, 0, 0, 0, 0, 2, 8]);
        figures.Ledger.ShouldBe(new LedgerLine(10, 8, 0, 2, 0));
        figures.Ledger.Balances.ShouldBeTrue();
    }

    [Fact]
    public void Refunds_are_taken_off_and_currencies_are_kept_apart()
    {
        var figures = OverviewFigures.Of(
            Week,
            [
                Cell(0, 1, amount: 100),
                Cell(0, 1, amount: 30, state: "refunded"),
                Cell(0, 1, amount: 999, state: "pending"),
                Cell(0, 1, amount: 7, currency: "USD", state: "refund_requested"),
            ],
            []
        );

        figures.Revenue.Select(one => (one.Currency, one.Net.Value, one.Gross)).ShouldBe([("BRL", 100m, 130m), ("USD", 7m, 7m)]);
    }

    [Fact]
    public void Tests_are_no_sales() => OverviewFigures.Of(Week, [Cell(0, 3) with { Kind = "test" }], []).Received.Value.ShouldBe(0);

    [Fact]
    public void Ninety_five_of_a_hundred_took_no_longer()
    {
        var delays = new DelaySample(Today, [.. Enumerable.Range(1, 100).Select(second => (double)second)]);

        OverviewFigures.Of(Week, [], [delays]).P95Seconds.Value.ShouldBe(95);
        OverviewFigures.Of(Week, [], []).P95Seconds.Value.ShouldBeNull();
    }

    [Fact]
    public void Advice_begins_with_what_costs_most_sales()
    {
        var settings = new TenantDetails(
            new TenantInfo("loja", "Loja", TenantStatus.Active, "America/Sao_Paulo", default, default),
            [],
            [new ConnectionInfo("hotmart", default(DateTimeOffset), null, [])],
            [new PixelInfo("1", null, default)]
        );
        FigureCell[] cells =
        [
            Cell(0, 40),
            Cell(0, 60, match: "unmatched"),
            Cell(0, 3, "dead"),
            Cell(0, 4, match: "unmatched") with
            {
                Gateway = "kiwify",
            },
        ];

        var advice = Advice.Of(cells, [], settings);

        advice.Select(one => one.Sales).ShouldBe([60, 3], "four sales of Kiwify are too few to say anything");
        advice[0].Values.ShouldBe(["hotmart", 58m]);
    }

    [Theory]
    [InlineData("24h", null, null, "2026-11-20", "2026-11-21")]
    [InlineData(null, "2026-02-01", "2026-02-28", "2026-02-01", "2026-02-28")]
    [InlineData("30d", "2026-02-28", "2026-02-01", "2026-10-23", "2026-11-21")]
    [InlineData("'; drop table", "x", null, "2026-11-15", "2026-11-21")]
    public void An_address_names_whole_days_and_nonsense_is_the_usual_week(
        string? period,
        string? from,
        string? to,
        string first,
        string last
    )
    {
        var span = Span.Of(period, from, to, Today);

        ($"{span.From:yyyy-MM-dd}", $"{span.To:yyyy-MM-dd}").ShouldBe((first, last));
        span.Before.Days.ShouldBe(span.Days);
        span.Before.To.ShouldBe(span.From.AddDays(-1));
    }

    [Fact]
    public async Task However_many_tenants_there_are_their_figures_are_asked_for_once_each_in_its_own_days()
    {
        // Midnight in Tokyo is yesterday in São Paulo.
        var figures = new AskedOnce();
        var user = new SignedInUser(Guid.Empty, "op@loja.example", "Op", "", IsOperator: true, []);
        SeenTenant[] seen =
        [
            .. new[] { ("paulista", "America/Sao_Paulo"), ("toquio", "Asia/Tokyo"), ("vazia", "Europe/Lisbon") }.Select(tenant =>
                SeenTenant.Of(user, new Tenant(tenant.Item1, tenant.Item1, TenantStatus.Active, tenant.Item2))!
            ),
        ];

        var rows = await TenantRow.ListAsync(
            seen,
            figures,
            new Stopped(new(2026, 11, 21, 15, 0, 0, TimeSpan.Zero)),
            CancellationToken.None
        );

        figures.Asked.Select(scope => (scope.TenantId, scope.To.Day)).ShouldBe([("paulista", 21), ("toquio", 22), ("vazia", 21)]);
        rows.Select(row => (row.Seen.Slug, row.Figures.Received.Value)).ShouldBe([("paulista", 3m), ("toquio", 3m), ("vazia", 0m)]);
    }

    private sealed class Stopped(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }

    private sealed class AskedOnce : IReadFigures
    {
        public IReadOnlyCollection<FigureScope> Asked { get; private set; } = [];

        public Task<ILookup<string, FigureCell>> CellsAsync(
            IReadOnlyCollection<FigureScope> scopes,
            CancellationToken cancellationToken = default
        )
        {
            Asked.ShouldBeEmpty("asked once");
            Asked = scopes;
            return Task.FromResult(scopes.Where(scope => scope.TenantId != "vazia").ToLookup(scope => scope.TenantId, _ => Cell(0, 3)));
        }

        public Task<IReadOnlyList<FigureCell>> CellsAsync(FigureScope scope, CancellationToken cancellationToken = default) =>
            throw new InvalidOperationException("Tenant after tenant.");

        public Task<IReadOnlyList<DelaySample>> DelaysAsync(FigureScope scope, CancellationToken cancellationToken = default) =>
            throw new InvalidOperationException("Nobody looks at delays in a list.");
    }

    private static FigureCell Cell(
        int day,
        long count,
        string status = "sent",
        string match = "click_token",
        decimal amount = 0,
        string state = "approved",
        string currency = "BRL"
    ) => new(Today.AddDays(day), "hotmart", "sale", state, currency, match, status, status == "dead" ? "permanent" : "", count, amount);
}
