using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using TrackAi.Testing;

namespace TrackAi.EventStore.Tests;

public sealed class SchemaTests : IAsyncLifetime
{
    private readonly TestDatabase database = new();

    public ValueTask InitializeAsync() => database.InitializeAsync();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task Several_hosts_that_start_at_once_apply_each_script_once()
    {
        var migrators = Enumerable.Range(0, 6).Select(_ => NewMigrator()).ToArray();

        var applied = await Task.WhenAll(migrators.Select(migrator => migrator.ApplyAsync()));

        applied.Count(scripts => scripts.Count > 0).ShouldBe(1, "one of them did it all, the others found it done");
        (await database.ScalarAsync<long>("select count(*) from schema_version")).ShouldBe(applied.Sum(scripts => scripts.Count));
        (await migrators[0].AssertAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task An_empty_database_differs_by_every_script()
    {
        var differences = await NewMigrator().AssertAsync();

        differences.Select(difference => difference.Script).ShouldContain("0001_marten_layout.sql");
        differences.ShouldAllBe(difference => difference.Difference.Contains("not applied", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_script_edited_after_it_was_applied_is_a_difference()
    {
        var migrator = NewMigrator();
        await migrator.ApplyAsync();
        await database.ExecuteAsync("update schema_version set checksum = 'another' where script = '0003_append.sql'");

        var difference = (await migrator.AssertAsync()).ShouldHaveSingleItem();
        difference.Script.ShouldBe("0003_append.sql");
        difference.Difference.ShouldContain("edited");
    }

    [Fact]
    public async Task A_database_that_another_script_of_that_name_made_is_not_upgraded_and_the_script_is_named()
    {
        var migrator = NewMigrator();
        await migrator.ApplyAsync();
        await database.ExecuteAsync("update schema_version set checksum = 'another' where script = '0003_append.sql'");

        (await migrator.ApplyAsync()).ShouldBeEmpty("there is nothing to upgrade");
        await database.ExecuteAsync("delete from schema_version where script = '0005_rebuild.sql'");
        (await Should.ThrowAsync<SchemaException>(migrator.ApplyAsync())).Message.ShouldContain("event_store/0003_append.sql");
        (await database.ScalarAsync<long>("select count(*) from schema_version where script = '0005_rebuild.sql'")).ShouldBe(0);
    }

    [Fact]
    public async Task What_was_dropped_added_or_changed_by_hand_is_named_object_by_object()
    {
        var migrator = NewMigrator();
        await migrator.ApplyAsync();
        await database.ExecuteAsync(
            """
            drop index pk_mt_events_stream_and_version;
            alter table mt_events add column ours int;
            alter table mt_streams alter column type type text;
            create index somebodys on mt_events (timestamp);
            create table somebody_elses (id int primary key)
            """
        );

        var differences = (await migrator.AssertAsync()).Select(difference => $"{difference.Script}: {difference.Difference}").ToArray();

        differences.Length.ShouldBe(4, string.Join("\n", differences));
        differences.ShouldContain("index pk_mt_events_stream_and_version: is missing");
        differences.ShouldContain(one => one.StartsWith("column mt_events.ours: is not ours", StringComparison.Ordinal));
        differences.ShouldContain("column mt_streams.type: is 'text', not 'character varying'");
        differences.ShouldContain(one => one.StartsWith("index somebodys: is not ours", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_database_of_a_newer_program_is_refused_and_left_as_it_is()
    {
        var migrator = NewMigrator();
        await migrator.ApplyAsync();
        await database.ExecuteAsync(
            "insert into schema_version (module, script, checksum) values ('event_store', '9999_from_the_future.sql', 'x')"
        );
        await database.ExecuteAsync("delete from schema_version where script = '0003_append.sql'");

        (await Should.ThrowAsync<SchemaException>(migrator.ApplyAsync())).Message.ShouldContain("9999_from_the_future.sql");
        (await database.ScalarAsync<long>("select count(*) from schema_version where script = '0003_append.sql'")).ShouldBe(0);
        (await migrator.AssertAsync()).ShouldContain(difference => difference.Difference.Contains("newer", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Where_somebody_else_upgrades_only_this_programs_own_schema_will_do()
    {
        var migrator = NewMigrator();
        (await Should.ThrowAsync<SchemaException>(migrator.RequireAsync())).Message.ShouldContain("run 'db apply'");
        (await database.ScalarAsync<bool>("select to_regclass('schema_version') is null")).ShouldBeTrue("nothing was made");

        await migrator.ApplyAsync();
        await migrator.RequireAsync();

        await database.ExecuteAsync("delete from schema_version where script = '0003_append.sql'");
        (await Should.ThrowAsync<SchemaException>(migrator.RequireAsync())).Message.ShouldContain("event_store/0003_append.sql");
        await database.ExecuteAsync(
            "insert into schema_version (module, script, checksum) values ('event_store', '9999_from_the_future.sql', 'x')"
        );
        (await Should.ThrowAsync<SchemaException>(migrator.RequireAsync())).Message.ShouldContain("9999_from_the_future.sql");
    }

    private SchemaMigrator NewMigrator()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddEventStore(_ => database.ConnectionString, Orders.Types);
        return builder.Build().Services.GetRequiredService<SchemaMigrator>();
    }
}
