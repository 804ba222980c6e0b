using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>
/// Two processes of the product on one database. The commit of one is held back, by a trigger that waits for a lock, while the other one's commits
/// pass it by.
/// </summary>
public sealed class HeldBackProcessTests(HeldBackProcessTests.Server server) : IClassFixture<HeldBackProcessTests.Server>
{
    private const long Gate = 4712;

    // Of this database and at this gate: other tests on the same server wait for locks of their own.
    private static readonly string HeldBack =
        $"select pid from pg_locks where locktype = 'advisory' and not granted and objid = {Gate} and database = (select oid from pg_database where datname = current_database())";

    public sealed class Server : TrackAiServer
    {
        public override IReadOnlyDictionary<string, string?> Settings =>
            new Dictionary<string, string?>(base.Settings, StringComparer.OrdinalIgnoreCase)
            {
                ["Dispatch:ClaimTime"] = "00:00:03",
                // The one whose commit is held back waits for as long as the test holds it.
                ["EventStore:AppendTimeout"] = "00:01:00",
            };
    }

    public enum Fate
    {
        Released,
        RolledBack,
        Killed,
    }

    [Theory]
    [InlineData(Fate.Released)]
    [InlineData(Fate.RolledBack)]
    [InlineData(Fate.Killed)]
    public async Task What_other_processes_commit_meanwhile_passes_over_nothing_and_nothing_stalls_afterwards(Fate fate)
    {
        var seller = await server.NewSellerAsync();
        await server.StopAsync();
        await server.Database.ExecuteAsync(
            $"""
            create or replace function hold_back() returns trigger language plpgsql as $$
            begin
                if new.stream_id like 'conversion-perfectpay-held-%' then perform pg_advisory_xact_lock({Gate}); end if;
                return null;
            end $$;
            create or replace trigger hold_back after insert on mt_events for each row execute function hold_back();
            """
        );
        await using var holding = await HostProcess.ServeAsync(server.Settings);
        await using var other = await HostProcess.ServeAsync(server.Settings);
        await using var gate = await server.Database.DataSource.OpenConnectionAsync();
        await ExecuteAsync($"select pg_advisory_lock({Gate})");

        var held = $"held-{fate}-{seller.NewOrder()}";
        var late = seller.DeliverAsync(Seller.Sale(held), holding.Http);
        await Eventually.TrueAsync(
            () => server.Database.ScalarAsync<bool>($"select exists ({HeldBack})"),
            "the sale's commit to be held back"
        );
        // Now, and not before: hosts that start look after their pixels, and write that down.
        var before = await server.Database.ScalarAsync<long>("select max(seq_id) from mt_events");
        var orders = Enumerable.Range(0, 40).Select(_ => seller.NewOrder()).ToArray();
        foreach (var some in orders.Chunk(10))
        {
            (await Task.WhenAll(some.Select(order => seller.DeliverAsync(Seller.Sale(order), other.Http)))).ShouldAllBe(answer =>
                answer.Code == 202
            );
            (await server.Database.ScalarAsync<long>("select max(last_seq_id) from mt_event_progression")).ShouldBeLessThanOrEqualTo(
                before,
                "the held-back number is not final, so nothing above it is either"
            );
        }

        if (fate == Fate.RolledBack)
            await server.Database.ExecuteAsync($"select pg_terminate_backend(pid) from ({HeldBack}) held");
        else if (fate == Fate.Killed)
            await holding.KillAsync();
        await ExecuteAsync($"select pg_advisory_unlock({Gate})");
        if (fate == Fate.Killed)
            // Nobody was told anything: the gateway tries again, at the process that is left.
            await Should.ThrowAsync<HttpRequestException>(late);
        else
            // Rolled back, it is tried again by the process itself: its key guards it.
            (await late).Code.ShouldBe(202);

        if (fate == Fate.Killed)
            (await seller.DeliverAsync(Seller.Sale(held), other.Http)).Code.ShouldBe(202);
        await Eventually.TrueAsync(
            () => Task.FromResult(orders.Append(held).All(order => server.AtMeta(order).Count > 0)),
            "every sale to reach Meta"
        );
        await server.StartAsync();
        await server.Host.SettledAsync();

        orders.Append(held).ShouldAllBe(order => server.AtMeta(order).Count == 1);
        foreach (var type in (string[])["conversion_received", "dispatch_requested", "dispatch_succeeded"])
            (
                await server.Database.ScalarAsync<long>(
                    "select count(distinct stream_id) from mt_events where tenant_id = $1 and type = $2",
                    seller.Tenant,
                    type
                )
            ).ShouldBe(41, type);
        (
            await server.Database.ScalarAsync<long>(
                "select count(*) from mt_events where tenant_id = $1 and type = 'dispatch_requested'",
                seller.Tenant
            )
        ).ShouldBe(41, "the subscription reacted once to each");
        (
            await server.Database.ScalarAsync<long>(
                "select count(*) from conversion where tenant_id = $1 and dispatch_status = 'sent'",
                seller.Tenant
            )
        ).ShouldBe(41, "the projections missed none");

        async Task ExecuteAsync(string sql)
        {
            await using var command = gate.CreateCommand();
            command.CommandText = sql;
            await command.ExecuteNonQueryAsync();
        }
    }
}
