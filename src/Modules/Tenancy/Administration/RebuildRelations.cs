using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Tenancy;

/// <summary>Builds the relations anew from the log. Readers see the old rows until the new ones are complete; changes wait.</summary>
internal static class RebuildRelations
{
    public static async Task<int> RunAsync(PostgresEventStore store, CancellationToken cancellationToken)
    {
        var slugs = await SlugsInLogAsync(store, cancellationToken);
        await using var session = await store.OpenSessionAsync(cancellationToken);
        await using (var @lock = session.Connection.Command("lock table tenant, funnel, gateway_connection in share row exclusive mode"))
            await @lock.ExecuteNonQueryAsync(cancellationToken);
        // The log is read up to its high-water mark: a tenant of this moment may only be in the table yet.
        await using (var select = session.Connection.Command("select slug from tenant"))
            slugs.UnionWith(await select.ListAsync(row => row.GetString(0), cancellationToken));

        var streams = await session.ReadStreamsAsync(
            [.. slugs.Select(slug => new StreamId(slug, Streams.Tenant(slug)))],
            cancellationToken
        );
        foreach (var table in (string[])["tenant", "funnel", "gateway_connection"])
        {
            await using var clear = session.Connection.Command($"delete from {table}");
            await clear.ExecuteNonQueryAsync(cancellationToken);
        }
        foreach (var stream in streams)
        foreach (var recorded in stream)
            await TenantRelations.ApplyAsync(stream.Key.TenantId, recorded.Data, session.Connection, cancellationToken);
        await TenantChanges.NotifyAsync(session.Connection, TenantChanges.Everyone, cancellationToken);
        await session.CommitAsync(cancellationToken);
        return slugs.Count;
    }

    private static async Task<SortedSet<string>> SlugsInLogAsync(PostgresEventStore store, CancellationToken cancellationToken)
    {
        var added = EventSerializer.AliasOf(typeof(TenantAdded));
        var slugs = new SortedSet<string>(StringComparer.Ordinal);
        await foreach (var recorded in store.ReadAllAsync(cancellationToken: cancellationToken))
            if (recorded.Type == added)
                slugs.Add(recorded.TenantId);
        return slugs;
    }
}
