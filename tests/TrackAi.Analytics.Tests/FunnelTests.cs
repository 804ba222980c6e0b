using Microsoft.Extensions.DependencyInjection;
using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.Analytics.Tests;

/// <summary>Figures and sales of one funnel: the one that the decision about the sale's click was made under.</summary>
public sealed class FunnelTests(ApiHost api) : IClassFixture<ApiHost>
{
    private static readonly DateOnly Day = new(2025, 11, 20);

    private readonly string tenant = api.NewTenant();

    [Fact]
    public async Task A_funnels_sales_are_counted_and_listed_apart()
    {
        await SellAsync("C1", "curso");
        await SellAsync("C2", "curso", sent: false);
        await SellAsync("M1", "mentoria");
        await SellAsync("N1", funnel: null);
        await AppendAsync(Facts.Received(tenant, "U1"));
        await api.CaughtUpAsync();

        (await CountAsync(null)).ShouldBe(5);
        (await CountAsync("curso")).ShouldBe(2);
        (await CountAsync("nobodys")).ShouldBe(0);
        (await Figures.CellsAsync(Scope(null))).Sum(cell => cell.FunnelId.Length == 0 ? cell.Conversions : 0).ShouldBe(2);
        (await Figures.DelaysAsync(Scope("curso"))).Sum(day => day.Seconds.Count).ShouldBe(1);
        (await Matches.ReportAsync(Scope("mentoria"))).Decided.ShouldBe(1);
        (await ListAsync("curso")).ShouldBe(["C2", "C1"], ignoreOrder: true);
    }

    [Fact]
    public async Task A_sale_that_is_decided_anew_under_another_funnel_moves_there()
    {
        var sale = Facts.Received(tenant, "A1");
        await AppendAsync(sale, Facts.Unmatched(sale) with { FunnelId = "curso" });
        await api.CaughtUpAsync();
        (await CountAsync("curso")).ShouldBe(1);

        await api.AppendAsync(tenant, Streams.Conversion(sale.ConversionId), Facts.Matched(sale) with { FunnelId = "mentoria" });
        await api.CaughtUpAsync();

        (await CountAsync("curso"), await CountAsync("mentoria")).ShouldBe((0, 1));
        (await ListAsync("curso")).ShouldBeEmpty();
        (await api.RowsAsync("select funnel_id, conversions from conversion_daily where tenant_id = $1", tenant)).ShouldBe([
            "mentoria | 1",
        ]);
    }

    [Fact]
    public async Task What_an_earlier_version_built_is_filled_by_the_next_host_that_starts()
    {
        await using var database = new AnalyticsDatabase();
        await database.InitializeAsync();
        var sale = Facts.Received("acme", "OLD1");
        await database.AppendAsync("acme", Streams.Conversion(sale.ConversionId), sale, Facts.Matched(sale) with { FunnelId = "curso" });
        await database.CaughtUpAsync();
        await database.ExecuteAsync(
            """
            delete from conversion_day;
            update conversion_status set funnel_id = null;
            update es_projection set version = 1
            """
        );

        await using var next = await TestHost.StartAsync(database, services => services.AddAnalytics());

        await Eventually.TrueAsync(
            async () =>
                await database.ScalarAsync<long>(
                    "select count(*) from conversion_daily d join conversion_status s on s.funnel_id = d.funnel_id where d.funnel_id = 'curso'"
                ) == 1,
            "both are rebuilt"
        );
    }

    [Fact]
    public async Task Figures_of_several_tenants_at_once_are_those_of_each_alone_and_of_no_other()
    {
        await SellAsync("1", "curso");
        await SellAsync("2", null, sent: false);
        var (other, foreign) = (api.NewTenant(), api.NewTenant());
        foreach (var seller in (string[])[other, foreign])
            await api.AppendAsync(seller, "conversion-hotmart-1", Facts.Received(seller, "1"));
        await api.CaughtUpAsync();
        FigureScope[] scopes = [Scope("curso"), new(other, Day, Day.AddDays(1)), new(api.NewTenant(), Day, Day)];

        var cells = await Figures.CellsAsync(scopes);

        cells.Select(one => one.Key).ShouldBe([tenant, other], ignoreOrder: true);
        foreach (var scope in scopes)
            cells[scope.TenantId].ShouldBe(await Figures.CellsAsync(scope), ignoreOrder: true);
        (await Figures.CellsAsync([])).ShouldBeEmpty();
    }

    private IReadFigures Figures => api.Services.GetRequiredService<IReadFigures>();

    private IReadMatches Matches => api.Services.GetRequiredService<IReadMatches>();

    private FigureScope Scope(string? funnel) => new(tenant, Day.AddDays(-1), Day.AddDays(1), Funnel: funnel);

    private async Task<long> CountAsync(string? funnel) => (await Figures.CellsAsync(Scope(funnel))).Sum(cell => cell.Conversions);

    private async Task<IReadOnlyList<string>> ListAsync(string funnel) =>
        [
            .. (
                await api
                    .Services.GetRequiredService<IReadSales>()
                    .ListAsync(new SaleQuery(tenant, Facts.Noon.AddDays(-1), Facts.Noon.AddDays(1), Funnel: funnel), 10)
            ).Select(sale => sale.OrderId),
        ];

    private async Task SellAsync(string order, string? funnel, bool sent = true)
    {
        var sale = Facts.Received(tenant, order);
        var request = Facts.Requested(sale);
        await AppendAsync(sale, Facts.Matched(sale) with { FunnelId = funnel }, request);
        if (sent)
            await api.AppendAsync(tenant, Streams.Conversion(sale.ConversionId), Facts.Sent(request));
    }

    private Task AppendAsync(ConversionReceived sale, params object[] then) =>
        api.AppendAsync(tenant, Streams.Conversion(sale.ConversionId), [sale, .. then]);
}
