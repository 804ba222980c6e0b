using Microsoft.Extensions.DependencyInjection;
using TrackAi.Testing;

namespace TrackAi.EventStore.Tests;

public sealed class FailOverTests : IAsyncLifetime
{
    private static readonly TimeSpan Promised = TimeSpan.FromSeconds(5);

    private readonly OrdersDatabase database = new();

    public ValueTask InitializeAsync() => database.InitializeAsync();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public void By_default_the_shards_of_a_dead_host_stand_still_for_less_than_five_seconds()
    {
        var options = new EventStoreOptions();

        // It renewed just before it died; the other one looked just before the lease ended.
        (options.LeaseTime + options.LeaseRenewal).ShouldBeLessThan(Promised - TimeSpan.FromMilliseconds(500));
    }

    [Fact]
    public async Task A_host_that_cannot_renew_is_replaced_and_can_write_nothing_more_although_it_still_runs()
    {
        await using var dying = await database.StartAsync();
        var progress = dying.Services.GetRequiredService<ProjectionProgress>();
        await dying.Store.AppendAsync(new Append(Orders.Stream("before"), [new OrderPlaced("Ana", 1)]));
        await dying.CaughtUpAsync("OrderLog");
        var owner = await OwnerAsync(progress);
        await using var heir = await database.StartAsync();

        await database.ExecuteAsync(
            $"""
            create table lease_look (at timestamptz not null);
            create table lease_taken (ended timestamptz not null, at timestamptz not null);
            create function refuse_renewal() returns trigger language plpgsql as $$
            begin
                if new.owner = '{owner}' then raise exception 'not renewed'; end if;
                insert into lease_look values (now());
                return new;
            end $$;
            create function note_taken() returns trigger language plpgsql as $$
            begin
                insert into lease_taken values (old.leased_until, now());
                return null;
            end $$;
            create trigger refuse_renewal before insert or update on es_shard for each row execute function refuse_renewal();
            create trigger note_taken after update on es_shard for each row when (old.token <> new.token) execute function note_taken();
            """
        );
        var refused = await database.ScalarAsync<DateTime>("select clock_timestamp()");
        var appended = 1;
        await Eventually.TrueAsync(
            async () =>
            {
                // Both read the log and both try: only one of them can move the progress.
                await dying.Store.AppendAsync(new Append(Orders.Stream($"meanwhile-{appended++}"), [new OrderPlaced("Bia", 1)]));
                return await OwnerAsync(progress) is { } now && now != owner;
            },
            "the other host to take over"
        );
        // By Postgres' own clock and the heir's own looks: however slow the machine is, nobody waited for anything else.
        (await database.ScalarAsync<DateTime>("select ended from lease_taken")).ShouldBeLessThanOrEqualTo(
            refused + OrdersDatabase.LeaseTime,
            "what cannot be renewed ends"
        );
        (
            await database.ScalarAsync<long>("select count(*) from lease_look l join lease_taken t on l.at > t.ended and l.at < t.at")
        ).ShouldBe(0, "the heir's first look after that took the shard; it looks every EventStore:LeaseRenewal");
        for (var index = 0; index < 50; index++)
            await dying.Store.AppendAsync(new Append(Orders.Stream($"after-{index}"), [new OrderPlaced("Cida", 1)]));
        await heir.CaughtUpAsync("OrderLog");

        (await database.ScalarAsync<long[]>("select array_agg(seq order by position) from order_log")).ShouldBe(
            await database.ScalarAsync<long[]>("select array_agg(seq_id order by seq_id) from mt_events")
        );
        (await database.ScalarAsync<long>("select count(*) from order_log")).ShouldBe(appended + 50);
    }

    [Fact]
    public async Task A_host_that_stops_gives_its_shards_back_at_once()
    {
        var progress = default(ProjectionProgress);
        await using var heir = await database.StartAsync(daemon: false);
        progress = heir.Services.GetRequiredService<ProjectionProgress>();

        await using (var stopping = await database.StartAsync())
            await Eventually.ValueAsync(() => OwnerAsync(progress), "a host to take the shard");

        (await OwnerAsync(progress)).ShouldBeNull();
    }

    private static async Task<string?> OwnerAsync(ProjectionProgress progress) => (await progress.ReadAsync()).SingleOrDefault()?.Owner;
}
