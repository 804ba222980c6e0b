using Npgsql;
using NpgsqlTypes;
using TrackAi.Contracts;

namespace TrackAi.Gateways;

/// <summary>
/// Which order a sale is recorded under that its gateway tells under several ids: the first one that was claimed. Names are claimed before the
/// sale is appended, so that of two deliveries at once the later one finds the earlier one's.
/// </summary>
internal sealed class SaleNames(NpgsqlDataSource dataSource, IPersonalData people, GatewaysOptions options)
{
    private static readonly TimeSpan Apart = TimeSpan.FromSeconds(60);

    public TimeSpan SettlingWindow => options.SettlingWindow;

    /// <returns>Null when it is to be held: it may be another's, and none of its names is known yet.</returns>
    public async Task<string?> OrderOfAsync(
        string tenant,
        string gateway,
        SaleJoin join,
        bool isSettled,
        CancellationToken cancellationToken
    )
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        var order = await FindAsync(connection, tenant, gateway, join, cancellationToken);
        if (order is null && join.IsProvisional && !isSettled && options.SettlingWindow > TimeSpan.Zero)
            return null;
        order ??= await JoinByTraceAsync(connection, tenant, gateway, join, cancellationToken) ?? join.Names[0];
        return await ClaimAsync(connection, tenant, gateway, join, order, cancellationToken);
    }

    private static async Task<string?> FindAsync(
        NpgsqlConnection connection,
        string tenant,
        string gateway,
        SaleJoin join,
        CancellationToken cancellationToken
    )
    {
        await using var select = new NpgsqlCommand(
            """
            select order_id from sale_name join unnest($3) with ordinality wanted(name, position) using (name)
            where tenant_id = $1 and gateway = $2
            order by position limit 1
            """,
            connection
        )
        {
            Parameters =
            {
                new() { Value = tenant },
                new() { Value = gateway },
                new() { Value = join.Names.ToArray() },
            },
        };
        return (string?)await select.ExecuteScalarAsync(cancellationToken);
    }

    // One joins one: whoever finds the trace takes it away.
    private async Task<string?> JoinByTraceAsync(
        NpgsqlConnection connection,
        string tenant,
        string gateway,
        SaleJoin join,
        CancellationToken cancellationToken
    )
    {
        if (join.Trace is not { } trace)
            return null;
        await using var take = new NpgsqlCommand(
            """
            update sale_name set trace = null
            where (tenant_id, gateway, name) = (
                select tenant_id, gateway, name from sale_name
                where tenant_id = $1 and gateway = $2 and trace = $3 and side <> $4 and traced_at between $5 and $6
                order by abs(extract(epoch from traced_at - $7)), name limit 1 for update skip locked)
            returning order_id
            """,
            connection
        )
        {
            Parameters =
            {
                new() { Value = tenant },
                new() { Value = gateway },
                new() { Value = Hash(tenant, gateway, trace) },
                new() { Value = trace.Side },
                new() { Value = trace.At.ToUniversalTime() - Apart },
                new() { Value = trace.At.ToUniversalTime() + Apart },
                new() { Value = trace.At.ToUniversalTime() },
            },
        };
        return (string?)await take.ExecuteScalarAsync(cancellationToken);
    }

    // Of two at once the first one's row stands, and both read it.
    private async Task<string> ClaimAsync(
        NpgsqlConnection connection,
        string tenant,
        string gateway,
        SaleJoin join,
        string order,
        CancellationToken cancellationToken
    )
    {
        var trace = order == join.Names[0] && join.Names.Count == 1 ? join.Trace : null;
        await using var claim = new NpgsqlCommand(
            """
            insert into sale_name (tenant_id, gateway, name, order_id, side, trace, traced_at)
            select $1, $2, name, $4, $5, $6, $7 from unnest($3) name order by name
            on conflict (tenant_id, gateway, name) do nothing
            """,
            connection
        )
        {
            Parameters =
            {
                new() { Value = tenant },
                new() { Value = gateway },
                new() { Value = join.Names.ToArray() },
                new() { Value = order },
                new() { Value = (object?)trace?.Side ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar },
                new() { Value = trace is null ? DBNull.Value : Hash(tenant, gateway, trace), NpgsqlDbType = NpgsqlDbType.Bytea },
                new() { Value = (object?)trace?.At.ToUniversalTime() ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz },
            },
        };
        return await claim.ExecuteNonQueryAsync(cancellationToken) == join.Names.Count
            ? order
            : await FindAsync(connection, tenant, gateway, join, cancellationToken) ?? order;
    }

    private byte[] Hash(string tenant, string gateway, SaleTrace trace) => people.LookupHash(tenant, $"sale-trace|{gateway}", trace.Shared);
}
