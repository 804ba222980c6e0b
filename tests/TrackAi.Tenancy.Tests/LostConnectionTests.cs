using TrackAi.Contracts;
using TrackAi.Testing;

namespace TrackAi.Tenancy.Tests;

/// <summary>In a database of its own, because it cuts every connection.</summary>
public sealed class LostConnectionTests(TenancyDatabase database) : IClassFixture<TenancyDatabase>
{
    private ITenantAdministration Tenants => database.Tenants;

    [Fact]
    public async Task What_was_changed_while_the_host_could_not_listen_is_seen_when_it_listens_again()
    {
        await using var other = await database.StartAsync();
        await database.ExecuteAsync(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        );
        await Eventually.TrueAsync(() => TryAddAsync("cut-off"), "the tenant to be added");

        await SeenAsync(() => other.Directory().Find("cut-off") is not null, "the tenant");
    }

    private async Task<bool> TryAddAsync(string slug)
    {
        try
        {
            await Tenants.AddTenantAsync(slug, "Cut off");
            return true;
        }
        catch (Npgsql.NpgsqlException)
        {
            return false;
        }
    }

    private static Task SeenAsync(Func<bool> seen, string what) => Eventually.TrueAsync(() => Task.FromResult(seen()), what);
}
