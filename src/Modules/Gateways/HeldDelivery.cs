using NpgsqlTypes;
using TrackAi.EventStore;

namespace TrackAi.Gateways;

/// <summary>The encrypted body of a delivery that waits for another one: a side effect of the append that says so.</summary>
internal sealed record HeldDelivery(
    string TenantId,
    string StreamId,
    string Gateway,
    string OrderId,
    DateTimeOffset ReceivedAt,
    DateTimeOffset DueAt,
    string Body
)
{
    public static readonly SideEffectTable<HeldDelivery> Table = new(
        "held_delivery",
        [
            new("tenant_id", NpgsqlDbType.Varchar, held => held.TenantId),
            new("stream_id", NpgsqlDbType.Varchar, held => held.StreamId),
            new("gateway", NpgsqlDbType.Varchar, held => held.Gateway),
            new("order_id", NpgsqlDbType.Varchar, held => held.OrderId),
            new("received_at", NpgsqlDbType.TimestampTz, held => held.ReceivedAt),
            new("due_at", NpgsqlDbType.TimestampTz, held => held.DueAt),
            new("body", NpgsqlDbType.Text, held => held.Body),
        ],
        onConflict: "on conflict do nothing"
    );
}
