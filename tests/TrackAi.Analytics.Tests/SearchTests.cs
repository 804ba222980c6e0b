using Microsoft.Extensions.DependencyInjection;
using TrackAi.Contracts;

namespace TrackAi.Analytics.Tests;

/// <summary>Somebody has an order's number, or the beginning of one, and wants the sale.</summary>
public sealed class SearchTests(AnalyticsDatabase database) : IClassFixture<AnalyticsDatabase>
{
    private IReadSales Sales => database.Host.Services.GetRequiredService<IReadSales>();

    [Theory]
    [InlineData("HP17160")]
    [InlineData("HP1716")]
    [InlineData("H")]
    [InlineData("hotmart-HP17160")]
    [InlineData("hotmart-HP")]
    [InlineData("  HP1716 ")]
    public async Task A_sale_is_found_by_the_beginning_of_its_order_or_conversion(string beginning)
    {
        var tenant = await TenantAsync(("hotmart", "HP17160"), ("kiwify", "abc"));

        (await FoundAsync(tenant, beginning)).ShouldBe(["hotmart-HP17160"]);
    }

    [Fact]
    public async Task It_is_found_by_the_beginning_of_its_event_id_from_eight_digits_on()
    {
        var tenant = await TenantAsync(("hotmart", "HP1"), ("hotmart", "HP2"));
        var id = $"{Ids.EventId(tenant, "hotmart", "HP1", "Purchase")}";

        foreach (var given in (string[])[id, id.ToUpperInvariant(), id[..8], id[..13], id.Replace("-", "", StringComparison.Ordinal)[..20]])
            (await FoundAsync(tenant, given)).ShouldBe(["hotmart-HP1"], given);
        (await FoundAsync(tenant, id[..7])).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("%")]
    [InlineData("_P1")]
    [InlineData("P1")]
    [InlineData("hp1")]
    [InlineData("HP17160 ou")]
    [InlineData("\\")]
    [InlineData("'")]
    [InlineData("\U0010FFFF")]
    public async Task Nothing_but_a_beginning_is_looked_for(string text) =>
        (await FoundAsync(await TenantAsync(("hotmart", "HP17160")), text)).ShouldBeEmpty();

    [Fact]
    public async Task The_sales_of_another_tenant_are_not_found()
    {
        var other = await TenantAsync(("hotmart", "HP17160"));
        var tenant = await TenantAsync(("hotmart", "XX1"));

        foreach (var given in (string[])["HP17160", "hotmart-HP", $"{Ids.EventId(other, "hotmart", "HP17160", "Purchase")}"])
            (await FoundAsync(tenant, given)).ShouldBeEmpty(given);
    }

    [Fact]
    public async Task The_order_itself_is_found_among_ever_so_many_that_begin_like_it()
    {
        var tenant = await TenantAsync(("hotmart", "HP"), ("kiwify", "HP"));
        await ManyAsync(tenant, "hotmart-HP", IReadSales.MostFound * 2);

        var found = await FoundAsync(tenant, "HP", IReadSales.MostFound * 3);

        found.Count.ShouldBe(IReadSales.MostFound + 1);
        found.ShouldContain("hotmart-HP");
        found.ShouldContain("kiwify-HP");
    }

    [Theory]
    [InlineData("HP0000012")]
    [InlineData("0f5c9a4e")]
    public async Task Among_many_sales_it_is_found_by_an_index(string text)
    {
        var tenant = await TenantAsync(("hotmart", "HP"));
        await ManyAsync(tenant, "hotmart-HP", 20_000);
        await database.RowsAsync("analyze conversion_received");
        await database.RowsAsync("analyze conversion_status");

        await using var command = new ReadSales(database.DataSource).SelectOf(
            new SaleQuery(tenant, Facts.Noon, Facts.Noon, Search: text),
            after: null,
            limit: 51
        );
        command.CommandText = $"explain {command.CommandText}";
        var plan = new List<string>();
        await using (var line = await command.ExecuteReaderAsync())
            while (await line.ReadAsync())
                plan.Add(line.GetString(0));

        var whole = string.Join('\n', plan);
        whole.ShouldNotContain("Seq Scan on conversion_received", Case.Insensitive, whole);
        whole.ShouldNotContain("Seq Scan on conversion_status", Case.Insensitive, whole);
        whole.ShouldContain("Index Cond: ((tenant_id = ", Case.Insensitive, whole);
        whole.ShouldContain("conversion_received_beginning", Case.Insensitive, whole);
    }

    private async Task<string> TenantAsync(params (string Gateway, string Order)[] sales)
    {
        var tenant = database.NewTenant();
        foreach (var (gateway, order) in sales)
            await database.AppendAsync(tenant, $"conversion-{gateway}-{order}", Facts.Received(tenant, order, gateway: gateway));
        await database.CaughtUpAsync();
        return tenant;
    }

    // Copies of one sale, straight into the read models.
    private async Task ManyAsync(string tenant, string like, int count)
    {
        foreach (var table in (string[])["conversion_received", "conversion_status"])
        {
            await database.RowsAsync(
                $"""
                insert into {table}
                select (jsonb_populate_record(r, jsonb_build_object('conversion_id', r.conversion_id || to_char(n, 'FM0000000')))).*
                from {table} r, generate_series(1, $3) n
                where tenant_id = $1 and conversion_id = $2
                """,
                tenant,
                like,
                count
            );
        }
    }

    // The period is empty: what is searched for does not depend on it.
    private async Task<IReadOnlyList<string>> FoundAsync(string tenant, string text, int limit = 51) =>
        [.. (await Sales.ListAsync(new SaleQuery(tenant, Facts.Noon, Facts.Noon, Search: text), limit)).Select(sale => sale.ConversionId)];
}
