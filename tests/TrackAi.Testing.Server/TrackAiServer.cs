using System.Collections.Concurrent;
using System.Security.Cryptography;
using TrackAi.MetaStandIn;
using Xunit;

namespace TrackAi.Testing;

/// <summary>A database, a stand-in for Meta and the product over them. Tests keep apart by tenant: <see cref="NewSellerAsync"/>.</summary>
public class TrackAiServer : IAsyncLifetime
{
    private static readonly string MasterKey = Convert.ToBase64String(SHA256.HashData("the master key of the tests"u8));

    private readonly ConcurrentQueue<string> validTokens = new();
    private TrackAiHost? host;
    private int sellers;

    public TestDatabase Database { get; protected init; } = new();

    public MetaStandInServer Meta { get; private set; } = null!;

    /// <summary>The host that runs over the database unless a test stopped it.</summary>
    public TrackAiHost Host => host ?? throw new InvalidOperationException("The host is stopped.");

    /// <summary>What its hosts are configured with: production's defaults but for waits that a test need not sit out.</summary>
    public virtual IReadOnlyDictionary<string, string?> Settings =>
        new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
        {
            ["ConnectionStrings:TrackAi"] = Database.ConnectionString,
            ["Secrets:MasterKey"] = MasterKey,
            ["Urls"] = "http://127.0.0.1:0",
            ["Meta:BaseUrl"] = Meta.BaseUrl,
            ["Dispatch:FirstRetry"] = "00:00:00.050",
            ["Dispatch:LongestRetry"] = "00:00:00.200",
            // All visitors of the tests have one address.
            ["RateLimits:Track:PerAddressPerSecond"] = "0",
            ["RateLimits:SignIn:PerAddressPerMinute"] = "0",
        };

    public virtual async ValueTask InitializeAsync()
    {
        await Database.InitializeAsync();
        Meta = await MetaStandInServer.StartAsync(new MetaStandInOptions { ValidTokens = validTokens });
        await StartAsync();
    }

    /// <summary>Starts the host again after <see cref="StopAsync"/>, with other settings where given.</summary>
    public async Task StartAsync(params IReadOnlyList<(string Key, string Value)> settings) => host = await StartAnotherAsync(settings);

    /// <summary>Another host over the same database, with other settings where given.</summary>
    public Task<TrackAiHost> StartAnotherAsync(params IReadOnlyList<(string Key, string Value)> settings)
    {
        var all = new Dictionary<string, string?>(Settings, StringComparer.OrdinalIgnoreCase);
        foreach (var (key, value) in settings)
            all[key] = value;
        return TrackAiHost.StartAsync(all);
    }

    public async Task StopAsync()
    {
        var stopping = Host;
        host = null;
        await stopping.DisposeAsync();
    }

    /// <summary>A new tenant with a gateway's secret, a pixel of its own and a token for it, known to the host.</summary>
    /// <param name="tokenIsValid">Whether Meta takes the token.</param>
    public async Task<Seller> NewSellerAsync(string gateway = "perfectpay", bool tokenIsValid = true)
    {
        var number = Interlocked.Increment(ref sellers);
        var seller = new Seller(
            this,
            gateway,
            $"seller-{number:000}",
            $"secret-{number:000}-{Random(16)}",
            $"{500_000_000_000_000 + number}"
        );
        var tenants = Host.Tenants;
        await tenants.AddTenantAsync(seller.Tenant, $"Seller {number}");
        await seller.SetSecretAsync(seller.Secret);
        await seller.SetTokenAsync($"EAAG{Random(40)}", tokenIsValid);
        await seller.KnownToAsync(Host);
        return seller;
    }

    public void MakeTokenValid(string token) => validTokens.Enqueue(token);

    /// <summary>The number of rows of every table of the product.</summary>
    public async Task<IReadOnlyDictionary<string, long>> CountRowsAsync()
    {
        var tables = await Database.ScalarAsync<string[]>(
            "select array_agg(tablename::text order by tablename) from pg_tables where schemaname = 'public'"
        );
        var counts = await Database.ScalarAsync<long[]>(
            $"select array[{string.Join(", ", tables.Select(table => $"(select count(*) from \"{table}\")"))}]"
        );
        return tables.Zip(counts).ToDictionary(pair => pair.First, pair => pair.Second, StringComparer.Ordinal);
    }

    /// <summary>What Meta took of an order, under whatever id.</summary>
    public IReadOnlyList<ReceivedEvent> AtMeta(string order) =>
        [
            .. Meta.Received.Where(received =>
                received.Event.GetProperty("custom_data").TryGetProperty("order_id", out var id) && id.GetString() == order
            ),
        ];

    /// <summary>Waits until Meta took something of an order.</summary>
    public async Task<ReceivedEvent> ArrivedAsync(string order)
    {
        await Meta.WaitForAsync(_ => AtMeta(order).Count > 0, Eventually.Patience);
        return AtMeta(order)[0];
    }

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (host is not null)
            await host.DisposeAsync();
        if (Meta is not null)
            await Meta.DisposeAsync();
        await Database.DisposeAsync();
    }

    private static string Random(int length) => RandomNumberGenerator.GetHexString(length, lowercase: true);
}
