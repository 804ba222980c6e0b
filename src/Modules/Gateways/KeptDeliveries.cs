using Npgsql;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Gateways;

/// <summary>Deliveries that were not understood: listed without one value of theirs, and forgotten once they are understood or too old.</summary>
internal sealed class KeptDeliveries(NpgsqlDataSource dataSource, PostgresEventStore store, TimeProvider time)
{
    /// <summary>All that are kept, the oldest first; of one tenant or gateway where given.</summary>
    public async Task<IReadOnlyList<KeptDelivery>> ReadAsync(
        string? tenant,
        string? gateway,
        string? deliveryId,
        CancellationToken cancellationToken
    )
    {
        await using var select = dataSource.CreateCommand(
            """
            select tenant_id, stream_id, gateway, received_at, body from kept_delivery
            where ($1::text is null or tenant_id = $1) and ($2::text is null or gateway = $2) and ($3::text is null or stream_id like '%-' || $3)
            order by received_at, tenant_id, stream_id
            """
        );
        foreach (var value in (string?[])[tenant, gateway, deliveryId])
            select.Parameters.Add(new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
        var kept = new List<KeptDelivery>();
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            kept.Add(
                new KeptDelivery(
                    reader.GetString(0),
                    reader.GetString(1),
                    reader.GetString(2),
                    reader.GetFieldValue<DateTimeOffset>(3),
                    reader.GetString(4)
                )
            );
        return kept;
    }

    /// <summary>Why each of them was not understood.</summary>
    public async Task<IReadOnlyList<DeliveryNotUnderstood>> ReasonsAsync(
        IReadOnlyList<KeptDelivery> kept,
        CancellationToken cancellationToken
    )
    {
        var streams = await store.ReadStreamsAsync([.. kept.Select(one => new StreamId(one.TenantId, one.StreamId))], cancellationToken);
        return
        [
            .. kept.Select(one =>
                streams[new StreamId(one.TenantId, one.StreamId)].Select(recorded => recorded.Data).OfType<DeliveryNotUnderstood>().First()
            ),
        ];
    }

    /// <summary>Says in the log that a delivery was understood after all, and forgets its body. Nothing where it was never kept.</summary>
    public async Task UnderstoodAsync(
        string tenant,
        string gateway,
        WebhookDelivery delivery,
        string? conversionId,
        CancellationToken cancellationToken
    )
    {
        var stream = new StreamId(tenant, Streams.Delivery(gateway, delivery.Digest));
        var events = await store.ReadStreamAsync(stream, cancellationToken);
        if (events is [.., { Data: DeliveryNotUnderstood, Version: var version }])
            await store.AppendAsync(
                new Append(stream, [new DeliveryUnderstood(gateway, delivery.Digest, conversionId, time.GetUtcNow())])
                {
                    ExpectedVersion = version,
                },
                cancellationToken
            );
        await using var delete = dataSource.CreateCommand("delete from kept_delivery where tenant_id = $1 and stream_id = $2");
        delete.Parameters.AddWithValue(tenant);
        delete.Parameters.AddWithValue(stream.Id);
        await delete.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <returns>How many were forgotten.</returns>
    public async Task<int> ForgetOlderThanAsync(TimeSpan age, CancellationToken cancellationToken)
    {
        await using var delete = dataSource.CreateCommand("delete from kept_delivery where received_at < $1");
        delete.Parameters.AddWithValue(time.GetUtcNow() - age);
        return await delete.ExecuteNonQueryAsync(cancellationToken);
    }
}
