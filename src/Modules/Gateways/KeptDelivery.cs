using NpgsqlTypes;
using TrackAi.EventStore;

namespace TrackAi.Gateways;

/// <summary>The encrypted body of a delivery that was not understood: a side effect of the append that says so.</summary>
internal sealed record KeptDelivery(string TenantId, string StreamId, string Gateway, DateTimeOffset ReceivedAt, string Body)
{
    public static readonly SideEffectTable<KeptDelivery> Table = new(
        "kept_delivery",
        [
            new("tenant_id", NpgsqlDbType.Varchar, kept => kept.TenantId),
            new("stream_id", NpgsqlDbType.Varchar, kept => kept.StreamId),
            new("gateway", NpgsqlDbType.Varchar, kept => kept.Gateway),
            new("received_at", NpgsqlDbType.TimestampTz, kept => kept.ReceivedAt),
            new("body", NpgsqlDbType.Text, kept => kept.Body),
        ],
        onConflict: "on conflict do nothing"
    );
}
