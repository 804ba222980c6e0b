using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.Privacy;
using TrackAi.Testing;

namespace TrackAi.Matching.Tests;

/// <summary>Clicks, checkouts and sales as the edge would append them, and what Matching decided.</summary>
public sealed class MatchingDatabase : TestDatabase
{
    public static readonly DateTimeOffset Noon = new(2026, 11, 10, 12, 0, 0, TimeSpan.Zero);

    private static readonly string MasterKey = Convert.ToBase64String(SHA256.HashData("the master key of the tests"u8));
    private static readonly Identifiers Whatever = new(false, false, false, false, false, false);

    private TestHost edge = null!;
    private int orders;

    private IPersonalData People => edge.Services.GetRequiredService<IPersonalData>();

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        edge = await StartAsync(daemon: false);
    }

    public override async ValueTask DisposeAsync()
    {
        await edge.DisposeAsync();
        await base.DisposeAsync();
    }

    public PostgresEventStore Store => edge.Store;

    public async Task<string> ClickAsync(
        Person person,
        DateTimeOffset? at = null,
        string tenant = "acme",
        string? clickId = null,
        Campaign? campaign = null
    )
    {
        var id = clickId ?? ClickToken.New();
        var stream = new StreamId(tenant, Streams.Click(id));
        var person1 = People.SealNew(tenant, stream.Id, person);
        await AppendAsync(
            stream,
            new ClickCaptured(id, campaign ?? Campaign.None, Whatever, at ?? Noon.AddHours(-1), person1.Protected),
            person1
        );
        return id;
    }

    public async Task CheckoutAsync(Person person, string? clickId = null, string tenant = "acme", Guid? checkoutId = null)
    {
        var id = checkoutId ?? Guid.CreateVersion7(Noon.AddMinutes(-30));
        var stream = new StreamId(tenant, Streams.Checkout(id));
        var buyer = People.SealNew(tenant, stream.Id, person);
        await AppendAsync(
            stream,
            new CheckoutInitiated(id, clickId, Campaign.None, Whatever, null, null, Noon.AddMinutes(-30), buyer.Protected),
            buyer
        );
    }

    /// <returns>The sale's stream.</returns>
    public async Task<StreamId> SaleAsync(
        Person person,
        string? clickId = null,
        DateTimeOffset? at = null,
        string tenant = "acme",
        Campaign? campaign = null,
        PaymentState state = PaymentState.Approved,
        string? orderId = null,
        string? otherClickId = null
    )
    {
        var order = orderId ?? $"{Interlocked.Increment(ref orders)}";
        var conversion = Streams.ConversionId("perfectpay", order);
        var stream = new StreamId(tenant, Streams.Conversion(conversion));
        var buyer = People.SealNew(tenant, stream.Id, person);
        await AppendAsync(
            stream,
            new ConversionReceived(
                conversion,
                "perfectpay",
                order,
                Ids.EventId(tenant, "perfectpay", order, "Purchase"),
                ConversionKind.Sale,
                state,
                new Money(147.90m, "BRL"),
                null,
                clickId,
                campaign ?? Campaign.None,
                Whatever,
                at ?? Noon,
                (at ?? Noon).AddMinutes(1),
                "approved",
                order,
                [],
                buyer.Protected
            )
            {
                OtherClickIds = otherClickId is null ? null : [otherClickId],
            },
            buyer
        );
        return stream;
    }

    /// <summary>A later delivery about a sale.</summary>
    public async Task DeliverAgainAsync(
        StreamId sale,
        Person? buyer,
        string? clickId = null,
        Campaign? campaign = null,
        string? otherClickId = null
    )
    {
        var sealedBuyer = buyer is null ? null : await People.SealAsync(sale.TenantId, sale.Id, buyer, CancellationToken.None);
        var changed = new ConversionStateChanged(
            Streams.ConversionOf(sale.Id)!,
            "perfectpay",
            PaymentState.Pending,
            PaymentState.Approved,
            new Money(147.90m, "BRL"),
            Noon,
            Noon.AddMinutes(2),
            "approved",
            "again",
            sealedBuyer?.Protected
        )
        {
            ClickId = clickId,
            OtherClickIds = otherClickId is null ? null : [otherClickId],
            Campaign = campaign,
        };
        (await edge.Store.AppendAsync(new Append(sale, [changed]))).ShouldBeOfType<AppendResult.Appended>();
    }

    public IMatchRules Rules => edge.Services.GetRequiredService<IMatchRules>();

    public static MatchRuleSet BuiltIn => Policies.BuiltIn(new MatchingOptions());

    /// <summary>Deletes what is older than any window.</summary>
    public Task<long> ForgetAsync() =>
        edge.Services.GetServices<IHostedService>().OfType<ForgetOldLookUps>().Single().ForgetAsync(CancellationToken.None);

    /// <summary>Every event handled again, each seeing the log as it was then.</summary>
    public async Task<IReadOnlyList<Replayed>> ReplayAsync() =>
        await edge.Services.GetRequiredService<Replayer>().ReplayAsync(edge.Store.ReadAllAsync(), _ => { }).ToArrayAsync();

    /// <summary>Starts Matching, lets it see everything there is, and stops it.</summary>
    public async Task MatchAsync()
    {
        await using var host = await StartAsync();
        await host.CaughtUpAsync(MatchConversions.ShardName);
    }

    /// <summary>A sale that cannot be read when Matching comes to it and is stepped over by command, and can be read again afterwards.</summary>
    public Task SkipAsync(StreamId sale) => SkipAsync(sale, "conversion_received", "kind", "Sale");

    /// <summary>The same of a later delivery about it.</summary>
    public Task SkipChangeAsync(StreamId sale) => SkipAsync(sale, "conversion_state_changed", "to", "Approved");

    private async Task SkipAsync(StreamId sale, string type, string member, string value)
    {
        await SetAsync(sale, type, member, "Zzz");
        await using (var host = await StartAsync())
        {
            var progress = host.Services.GetRequiredService<ProjectionProgress>();
            await Eventually.TrueAsync(() => progress.SkipAsync(MatchConversions.ShardName), "Matching stops at the sale");
            await host.CaughtUpAsync(MatchConversions.ShardName);
        }

        await SetAsync(sale, type, member, value);
    }

    private Task SetAsync(StreamId sale, string type, string member, string value) =>
        ExecuteAsync(
            "update mt_events set data = jsonb_set(data, array[$3], to_jsonb($4::text)) where stream_id = $1 and type = $2",
            sale.Id,
            type,
            member,
            value
        );

    /// <summary>Hands Matching what it stepped over.</summary>
    public Task<IReadOnlyList<ReplayedSkip>> ReplaySkippedAsync() =>
        edge.Services.GetRequiredService<SkippedEvents>().ReplayAsync(MatchConversions.ShardName);

    /// <summary>The one decision about a sale.</summary>
    public async Task<object> DecisionAsync(StreamId sale) => (await DecisionsAsync(sale)).Single();

    /// <summary>All decisions about a sale, the last one being the one that counts.</summary>
    public async Task<IReadOnlyList<object>> DecisionsAsync(StreamId sale) =>
        [
            .. (await edge.Store.ReadStreamAsync(sale))
                .Select(recorded => recorded.Data)
                .Where(data => data is ConversionMatched or ConversionUnmatched),
        ];

    /// <summary>How many sales of a phone would be opened again by what is told of it for the nth time.</summary>
    public async Task<int> OpenedByAsync(string phone, int nth)
    {
        var key = new Key("acme", MatchRule.PhoneHash, People.LookupHash("acme", "phone", phone));
        var position = await ScalarAsync<long>(
            "select position from match_link where tenant_id = 'acme' and rule = 5 and hash = $1 order by position offset $2 limit 1",
            key.Hash,
            nth - 1
        );
        await using var source = NpgsqlDataSource.Create(ConnectionString);
        await using var connection = await source.OpenConnectionAsync();
        var trip = new RoundTrip(connection);
        var found = 0;
        trip.Find([new OpenAsked(0, key, position, DateTimeOffset.UnixEpoch, Noon.AddYears(1))], (_, _) => found++);
        await trip.ExecuteAsync(CancellationToken.None);
        return found;
    }

    private Task<TestHost> StartAsync(bool daemon = true) =>
        TestHost.StartAsync(
            this,
            services => services.AddPrivacy().AddMatching().AddSingleton<ITenantDirectory>(new OneFunnel()),
            settings: new Dictionary<string, string?> { ["EventStore:RunDaemon"] = daemon.ToString(), ["Secrets:MasterKey"] = MasterKey },
            time: new ManualTime(Noon.AddMinutes(10))
        );

    private async Task AppendAsync(StreamId stream, object data, SealedPerson person) =>
        (
            await edge.Store.AppendAsync(new Append(stream, [data]) { ExpectedVersion = 0, SideEffects = [person.Key!] })
        ).ShouldBeOfType<AppendResult.Appended>();

    /// <summary>Every sale belongs to one funnel.</summary>
    private sealed class OneFunnel : ITenantDirectory
    {
        public Tenant? Find(string slug) => null;

        public GatewayConnection? FindConnection(string slug, string gateway) => null;

        public string? FindFunnel(string slug, string gateway, string? productId) => "course";

        public IReadOnlyList<string> RoutePixels(string slug, string gateway, string? productId) => [];

        public bool SendsRenewals(string slug, string gateway, string? productId) => false;

        public Pixel? FindPixel(string slug, string pixelId) => null;
    }
}
