using System.Security.Cryptography;
using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Privacy;

/// <summary>Changes the master key: everything it wraps is wrapped anew, while hosts take both.</summary>
internal sealed class MasterKeys(
    MasterKey master,
    LookupRoot lookups,
    NpgsqlDataSource database,
    IEnumerable<IHoldSecrets> secrets,
    RandomNumberGenerator random
) : IMasterKeys
{
    private const int RowsAtOnce = 1000;

    public string? Problem()
    {
        try
        {
            lookups.AssertKey();
            return null;
        }
        catch (InvalidOperationException wrong)
        {
            return wrong.Message;
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            // A new database takes any key.
            return null;
        }
    }

    public async Task<KeyRotation> RotateAsync(CancellationToken cancellationToken = default)
    {
        if (master.Other is null)
            throw new InvalidOperationException(
                "There is no other key: set Secrets:MasterKey to the new one and Secrets:OtherMasterKey to the one that goes."
            );
        if (Problem() is { } problem)
            throw new InvalidOperationException(problem);

        var keys = await RewrapAsync(cancellationToken);
        var opened = 0L;
        foreach (var holder in secrets)
            opened += await holder.ResealAsync(cancellationToken);
        return new KeyRotation(keys, opened, lookups.Rotate());
    }

    public async Task<IReadOnlyList<string>> FindUnopenedAsync(CancellationToken cancellationToken = default)
    {
        var unopened = new List<string>();
        foreach (var holder in secrets)
            unopened.AddRange(await holder.FindUnopenedAsync(cancellationToken));
        return unopened;
    }

    private async Task<long> RewrapAsync(CancellationToken cancellationToken)
    {
        var wrapping = new KeyWrapping(master, random);
        var rewrapped = 0L;
        var after = new StreamId("", "");
        while (true)
        {
            var page = await ReadAsync(after, cancellationToken);
            if (page.Count == 0)
                return rewrapped;
            after = page[^1].Stream;
            var old = page.Where(row => !wrapping.IsCurrent(PersonalData.Context(row.Stream), row.Wrapped)).ToArray();
            rewrapped += await WriteAsync(
                [
                    .. old.Select(row =>
                    {
                        var context = PersonalData.Context(row.Stream);
                        return (row.Stream, row.Wrapped, Anew: wrapping.Wrap(context, wrapping.Unwrap(context, row.Wrapped)));
                    }),
                ],
                cancellationToken
            );
        }
    }

    private async Task<IReadOnlyList<(StreamId Stream, byte[] Wrapped)>> ReadAsync(StreamId after, CancellationToken cancellationToken)
    {
        await using var select = database.CreateCommand(
            $"""
            select tenant_id, stream_id, wrapped_key from stream_key
            where (tenant_id, stream_id) > ($1, $2) and wrapped_key is not null
            order by tenant_id, stream_id limit {RowsAtOnce}
            """
        );
        select.Parameters.Add(new() { Value = after.TenantId });
        select.Parameters.Add(new() { Value = after.Id });
        var rows = new List<(StreamId, byte[])>();
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            rows.Add((new StreamId(reader.GetString(0), reader.GetString(1)), reader.GetFieldValue<byte[]>(2)));
        return rows;
    }

    // Only over what was read: a key that was destroyed in between stays destroyed.
    private async Task<int> WriteAsync(
        IReadOnlyList<(StreamId Stream, byte[] Wrapped, byte[] Anew)> rows,
        CancellationToken cancellationToken
    )
    {
        await using var update = database.CreateCommand(
            """
            update stream_key s set wrapped_key = r.anew
            from unnest($1, $2, $3, $4) r(tenant, stream, wrapped, anew)
            where s.tenant_id = r.tenant and s.stream_id = r.stream and s.wrapped_key = r.wrapped
            """
        );
        foreach (var ids in new[] { rows.Select(row => row.Stream.TenantId), rows.Select(row => row.Stream.Id) })
            update.Parameters.Add(new() { Value = ids.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar });
        update.Parameters.Add(new() { Value = rows.Select(row => row.Wrapped).ToArray() });
        update.Parameters.Add(new() { Value = rows.Select(row => row.Anew).ToArray() });
        return await update.ExecuteNonQueryAsync(cancellationToken);
    }
}
