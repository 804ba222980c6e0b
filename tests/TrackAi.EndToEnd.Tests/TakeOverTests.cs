using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>Two processes of the product on one database, of which one dies.</summary>
public sealed class TakeOverTests(TakeOverTests.Server server) : IClassFixture<TakeOverTests.Server>
{
    /// <summary>With production's leases; what a dead host was sending is sent again after three seconds.</summary>
    public sealed class Server : TrackAiServer
    {
        public override IReadOnlyDictionary<string, string?> Settings =>
            new Dictionary<string, string?>(base.Settings, StringComparer.OrdinalIgnoreCase) { ["Dispatch:ClaimTime"] = "00:00:03" };
    }

    [Fact]
    public async Task When_the_process_that_runs_everything_is_killed_the_other_takes_over_all_of_it_and_every_sale_reaches_Meta_once()
    {
        var seller = await server.NewSellerAsync();
        await server.StopAsync();
        // Who looked for free shards, and who got them, by Postgres' own clock.
        await server.Database.ExecuteAsync(
            """
            create table lease_look (owner varchar not null, at timestamptz not null);
            create table lease_taken
                (shard varchar not null, owner varchar, token bigint not null, before varchar, ended timestamptz, at timestamptz not null);
            create function note_look() returns trigger language plpgsql as $$
            begin
                insert into lease_look values (new.owner, now());
                return new;
            end $$;
            create function note_taken() returns trigger language plpgsql as $$
            begin
                insert into lease_taken values (new.name, new.owner, new.token, old.owner, old.leased_until, now());
                return null;
            end $$;
            create trigger note_look before insert on es_shard for each row execute function note_look();
            create trigger note_taken after update on es_shard for each row when (old.token <> new.token) execute function note_taken();
            """
        );
        await using var dying = await HostProcess.ServeAsync(server.Settings);
        await Eventually.TrueAsync(
            () => server.Database.ScalarAsync<bool>("select bool_and(leased_until > now()) from es_shard"),
            "the first process to run every shard"
        );
        var first = await server.Database.ScalarAsync<string>("select min(owner) from es_shard having count(distinct owner) = 1");
        first.ShouldNotBeNull();
        var tokens = await TokensAsync();
        await using var heir = await HostProcess.ServeAsync(server.Settings);
        var accounts = new Accounts(server, seller);
        using var end = new CancellationTokenSource();
        var sending = accounts.SendAsync([dying.Http, heir.Http], end.Token);
        await Eventually.TrueAsync(() => Task.FromResult(accounts.Orders.Count >= 60), "sales to arrive at both");

        await dying.KillAsync();
        var killed = await server.Database.ScalarAsync<DateTime>("select clock_timestamp()");

        await Eventually.TrueAsync(
            () => server.Database.ScalarAsync<bool>("select bool_and(owner <> $1 and leased_until > now()) from es_shard", first),
            "the other process to run every shard"
        );
        var arrived = accounts.Orders.Count;
        await Eventually.TrueAsync(() => Task.FromResult(accounts.Orders.Count >= arrived + 30), "sales to go on arriving");
        await end.CancelAsync();
        await sending;
        await Eventually.TrueAsync(
            () =>
                server.Database.ScalarAsync<bool>(
                    """
                    select count(*) filter (where type = 'conversion_received') = count(*) filter (where type = 'dispatch_succeeded')
                    from mt_events where tenant_id = $1
                    """,
                    seller.Tenant
                ),
            "the other process alone to send everything"
        );

        (await server.Database.ScalarAsync<long>("select count(distinct owner) from es_shard")).ShouldBe(1);
        (await TokensAsync()).ShouldBe([.. tokens.Select(token => token + 1)], "each shard changed its owner exactly once");
        (
            await server.Database.ScalarAsync<long>(
                "select count(*) from lease_taken where before = $1 and ended <= $2",
                first,
                killed.AddSeconds(3)
            )
        ).ShouldBe(tokens.Length, "no lease outlived the process by more than EventStore:LeaseTime");
        (
            await server.Database.ScalarAsync<long>(
                """
                select count(*) from lease_taken t join lease_look l on l.owner = t.owner and l.at > t.ended and l.at < t.at
                where t.before = $1
                """,
                first
            )
        ).ShouldBe(0, "the heir's first look after a lease had ended took the shard; it looks every EventStore:LeaseRenewal");
        (await server.Database.ScalarAsync<long>("select count(*) from lease_taken where before = $1 and at < ended", first)).ShouldBe(
            0,
            "nobody takes what is still leased"
        );

        await server.StartAsync();
        await accounts.BalanceAsync();
        accounts.Codes.Distinct().ShouldBe([201, 202], ignoreOrder: true);
    }

    private Task<long[]> TokensAsync() => server.Database.ScalarAsync<long[]>("select array_agg(token order by name) from es_shard");
}
