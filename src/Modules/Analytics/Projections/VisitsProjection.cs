using Npgsql;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Analytics.Projections;

/// <summary>Builds <c>click</c>, <c>pageview</c>, <c>checkout</c> and their numbers a day. The numbers count the rows that were really added.</summary>
internal sealed class VisitsProjection : IProjection
{
    public const string ProjectionName = "Visits";

    private const string Zones = "visits_tenant";

    public string Name => ProjectionName;

    public IReadOnlyCollection<Type> EventTypes { get; } =
    [typeof(TenantAdded), typeof(ClickCaptured), typeof(PageviewCaptured), typeof(CheckoutInitiated)];

    public IReadOnlyList<string> Tables { get; } = [Zones, "click", "pageview", "checkout", "visits_daily"];

    public async Task ApplyAsync(IReadOnlyList<RecordedEvent> events, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var days = await ReadDaysAsync(events, connection, cancellationToken);
        var tenants = new List<TenantAdded>();
        var clicks = new List<Visit>();
        var pageviews = new List<Visit>();
        var checkouts = new List<Visit>();
        foreach (var (tenant, data) in events.Select(recorded => (recorded.TenantId, recorded.Data)))
        {
            switch (data)
            {
                case TenantAdded added:
                    tenants.Add(added);
                    days.Learn(added.Slug, added.TimeZone);
                    break;
                case ClickCaptured click:
                    clicks.Add(
                        new(
                            tenant,
                            default,
                            click.ClickId,
                            null,
                            null,
                            click.OccurredAt,
                            days.DayOf(tenant, click.OccurredAt),
                            click.Campaign,
                            click.Has
                        )
                    );
                    break;
                case PageviewCaptured seen:
                    pageviews.Add(
                        new(
                            tenant,
                            seen.PageviewId,
                            seen.ClickId,
                            seen.ProductId,
                            seen.Value,
                            seen.OccurredAt,
                            days.DayOf(tenant, seen.OccurredAt),
                            seen.Campaign,
                            seen.Has
                        )
                    );
                    break;
                case CheckoutInitiated begun:
                    checkouts.Add(
                        new(
                            tenant,
                            begun.CheckoutId,
                            begun.ClickId,
                            begun.ProductId,
                            begun.Value,
                            begun.OccurredAt,
                            days.DayOf(tenant, begun.OccurredAt),
                            begun.Campaign,
                            begun.Has
                        )
                    );
                    break;
            }
        }

        await using var batch = new NpgsqlBatch(connection);
        TenantDays.Write(Zones, tenants.Select(tenant => (tenant.Slug, tenant.TimeZone)), batch);
        Of(clicks).Text("click_id", visit => visit.ClickId).WriteTo(batch, rows => Insert(rows, "click", "clicks"));
        PageOf(pageviews, "pageview_id").WriteTo(batch, rows => Insert(rows, "pageview", "pageviews"));
        PageOf(checkouts, "checkout_id").WriteTo(batch, rows => Insert(rows, "checkout", "checkouts"));
        await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task<TenantDays> ReadDaysAsync(
        IReadOnlyList<RecordedEvent> events,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands = { TenantDays.Select(Zones, events.Select(recorded => recorded.TenantId)) },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        return await TenantDays.ReadAsync(reader, cancellationToken);
    }

    private static string Insert(Rows<Visit> rows, string table, string counter) =>
        $"""
            with added as (
                insert into {table} ({rows.Names}) select * from {rows.Unnest} on conflict do nothing returning tenant_id, date
            )
            insert into visits_daily as d (tenant_id, date, {counter})
            select tenant_id, date, count(*) from added group by tenant_id, date
            on conflict (tenant_id, date) do update set {counter} = d.{counter} + excluded.{counter}
            """;

    private static Rows<Visit> PageOf(IReadOnlyCollection<Visit> visits, string id) =>
        Of(visits)
            .Uuid(id, visit => visit.Id)
            .Text("click_id", visit => visit.ClickId)
            .Text("product_id", visit => visit.ProductId)
            .Number("amount", visit => visit.Value?.Amount)
            .Text("currency", visit => visit.Value?.Currency);

    private static Rows<Visit> Of(IReadOnlyCollection<Visit> visits) =>
        new Rows<Visit>(visits)
            .Text("tenant_id", visit => visit.TenantId)
            .Time("occurred_at", visit => visit.OccurredAt)
            .Date("date", visit => visit.Date)
            .Campaign(visit => visit.Campaign)
            .Identifiers(visit => visit.Has);

    /// <param name="Id">Of a pageview or checkout; a click has its token.</param>
    private sealed record Visit(
        string TenantId,
        Guid Id,
        string? ClickId,
        string? ProductId,
        Money? Value,
        DateTimeOffset OccurredAt,
        DateOnly Date,
        Campaign Campaign,
        Identifiers Has
    );
}

/// <summary>Columns that several tables share.</summary>
internal static class SharedColumns
{
    public static Rows<T> Campaign<T>(this Rows<T> rows, Func<T, Campaign> campaign) =>
        rows.Text("utm_source", row => campaign(row).UtmSource)
            .Text("utm_medium", row => campaign(row).UtmMedium)
            .Text("utm_campaign", row => campaign(row).UtmCampaign)
            .Text("utm_content", row => campaign(row).UtmContent)
            .Text("utm_term", row => campaign(row).UtmTerm)
            .Text("src", row => campaign(row).Src)
            .Text("sck", row => campaign(row).Sck)
            .Text("xcod", row => campaign(row).Xcod);

    public static Rows<T> Identifiers<T>(this Rows<T> rows, Func<T, Identifiers> has) =>
        rows.Bool("has_fbclid", row => has(row).Fbclid)
            .Bool("has_fbc", row => has(row).Fbc)
            .Bool("has_fbp", row => has(row).Fbp)
            .Bool("has_email", row => has(row).Email)
            .Bool("has_phone", row => has(row).Phone)
            .Bool("has_external_id", row => has(row).ExternalId);
}
