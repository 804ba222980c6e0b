using TrackAi.Contracts;
using TrackAi.EventStore;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>Postgres itself is killed (SIGKILL) under two running hosts, and started again.</summary>
public sealed class PostgresKilledTests(PostgresKilledTests.Server server) : IClassFixture<PostgresKilledTests.Server>
{
    public sealed class Server : TrackAiServer
    {
        public Server() => Database = new MortalDatabase();

        internal MortalDatabase Mortal => (MortalDatabase)Database;

        public override IReadOnlyDictionary<string, string?> Settings =>
            new Dictionary<string, string?>(base.Settings, StringComparer.OrdinalIgnoreCase)
            {
                ["EventStore:AppendTimeout"] = "00:00:05",
                ["Dispatch:ClaimTime"] = "00:00:03",
            };
    }

    [Fact]
    public async Task Appends_are_told_at_once_nothing_acknowledged_is_lost_and_the_hosts_go_on_by_themselves()
    {
        var seller = await server.NewSellerAsync();
        await using var other = await server.StartAnotherAsync();
        await seller.KnownToAsync(other);
        var accounts = new Accounts(server, seller);
        using var end = new CancellationTokenSource();
        var sending = accounts.SendAsync([server.Host.Http, other.Http], end.Token);
        for (var round = 1; round <= 2; round++)
        {
            var taken = accounts.Orders.Count;
            await Eventually.TrueAsync(() => Task.FromResult(accounts.Orders.Count >= taken + 40), "sales are taken");

            await server.Mortal.KillServerAsync();
            var refused = accounts.Codes.Count(code => code == 503);
            foreach (var host in (TrackAiHost[])[server.Host, other])
                (await RefusalAsync(host, seller)).ShouldBeOfType<EventStoreUnavailableException>();
            await Eventually.TrueAsync(
                () => Task.FromResult(accounts.Codes.Count(code => code == 503) >= refused + 12),
                "senders are told to come again"
            );
            await server.Mortal.StartServerAsync();
        }

        var before = accounts.Orders.Count;
        await Eventually.TrueAsync(() => Task.FromResult(accounts.Orders.Count >= before + 40), "sales are taken again");
        await end.CancelAsync();
        await sending;

        accounts.Codes.Distinct().ShouldBe([201, 202, 503], ignoreOrder: true);
        await accounts.BalanceAsync();
        await Eventually.TrueAsync(
            () => server.Database.ScalarAsync<bool>("select bool_and(state = 'running' and leased_until > now()) from es_shard"),
            "every shard is run"
        );
    }

    /// <summary>What an append ends with while there is no Postgres: within any time a caller would wait.</summary>
    private static async Task<Exception> RefusalAsync(TrackAiHost host, Seller seller)
    {
        for (var attempt = 0; attempt < 1000; attempt++)
        {
            var visit = $"{seller.Tenant}-{attempt}";
            var click = new ClickCaptured(
                visit,
                Campaign.None,
                new Identifiers(false, false, false, false, false, false),
                TimeProvider.System.GetUtcNow(),
                ""
            );
            try
            {
                // A server process may outlive the one that was killed for a moment, and what it answers is true.
                await host
                    .Store.AppendAsync(new Append(new StreamId(seller.Tenant, $"visit-{visit}"), [click]))
                    .WaitAsync(Eventually.Patience);
            }
            catch (Exception exception)
            {
                return exception;
            }
        }

        throw new TimeoutException("Appends go on although Postgres was killed.");
    }
}
