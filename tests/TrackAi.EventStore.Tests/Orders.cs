using Npgsql;
using NpgsqlTypes;

namespace TrackAi.EventStore.Tests;

public sealed record OrderPlaced(string Buyer, decimal Total);

public sealed record OrderPaid(decimal Amount);

public sealed record OrderNoted(string Text);

internal static class Orders
{
    public static readonly IReadOnlyList<Type> Types = [typeof(OrderPlaced), typeof(OrderPaid), typeof(OrderNoted)];

    public static StreamId Stream(string id, string tenant = "acme") => new(tenant, $"order-{id}");
}

/// <summary>Counts what it saw, and keeps the order it saw it in.</summary>
internal sealed class OrderLog : IProjection
{
    public string Name => "OrderLog";

    public IReadOnlyCollection<Type> EventTypes { get; } = [typeof(OrderPlaced), typeof(OrderPaid)];

    public IReadOnlyList<string> Tables { get; } = ["order_log"];

    public async Task ApplyAsync(IReadOnlyList<RecordedEvent> events, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // A buyer called "poison" is what this projection cannot digest.
        foreach (var recorded in events)
            if (recorded.Data is OrderPlaced { Buyer: "poison" })
                throw new InvalidOperationException("cannot digest this buyer");

        await using var insert = new NpgsqlCommand("insert into order_log (seq, stream) select * from unnest($1, $2)", connection);
        insert.Parameters.Add(new() { Value = events.Select(recorded => recorded.Sequence).ToArray() });
        insert.Parameters.Add(
            new()
            {
                Value = events.Select(recorded => recorded.Stream.Id).ToArray(),
                NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar,
            }
        );
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }
}
