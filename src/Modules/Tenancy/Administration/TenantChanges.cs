using Npgsql;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Tenancy;

/// <summary>A change as it is being made: the tenant as it stands, and the transaction for what is not in the log.</summary>
internal sealed record TenantChange(string Slug, TenantState State, NpgsqlConnection Connection);

/// <summary>
/// Makes every change the same way: one tenant at a time, facts, relations, secrets and the call to the other hosts in one transaction.
/// </summary>
internal sealed class TenantChanges(PostgresEventStore store, TenantDirectory directory)
{
    /// <summary>Postgres's channel; the payload is the slug, or <see cref="Everyone"/>.</summary>
    public const string Channel = "trackai_tenants";

    public const string Everyone = "";

    // "TENA"; the form with two keys stays clear of the one-key locks of the event store.
    private const int LockClass = 0x54454E41;

    public Task<bool> MakeAsync(string slug, Func<TenantState, IReadOnlyList<object>> decide, CancellationToken cancellationToken) =>
        MakeAsync(slug, change => Task.FromResult(decide(change.State)), cancellationToken);

    /// <summary>False when the decision was that there is nothing to change.</summary>
    public async Task<bool> MakeAsync(
        string slug,
        Func<TenantChange, Task<IReadOnlyList<object>>> decide,
        CancellationToken cancellationToken
    )
    {
        await using (var session = await store.OpenSessionAsync(cancellationToken))
        {
            await LockAsync(session.Connection, slug, cancellationToken);
            var stream = new StreamId(slug, Streams.Tenant(slug));
            var history = (await session.ReadStreamsAsync([stream], cancellationToken))[stream].ToArray();
            var state = TenantState.Of(history.Select(recorded => recorded.Data));

            var events = await decide(new TenantChange(slug, state, session.Connection));
            if (events.Count == 0)
                return false;
            foreach (var @event in events)
                await TenantRelations.ApplyAsync(slug, @event, session.Connection, cancellationToken);
            session.Append(new Append(stream, events) { ExpectedVersion = history.Length, CausationId = Actor.Current });
            await NotifyAsync(session.Connection, slug, cancellationToken);
            await session.CommitAsync(cancellationToken);
        }

        await directory.CatchUpAsync(slug);
        return true;
    }

    public static async Task NotifyAsync(NpgsqlConnection connection, string slug, CancellationToken cancellationToken)
    {
        await using var notify = connection.Command($"select pg_notify('{Channel}', $1)", slug);
        await notify.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task LockAsync(NpgsqlConnection connection, string slug, CancellationToken cancellationToken)
    {
        await using var @lock = connection.Command($"select pg_advisory_xact_lock({LockClass}, hashtext($1))", slug);
        await @lock.ExecuteNonQueryAsync(cancellationToken);
    }

    public static TenantChangeRefusedException UnknownTenant(string slug) =>
        new(TenantRefusal.NotFound, "tenant", $"There is no tenant '{slug}'; see 'tenants list', or add it with 'tenants add'.");
}
