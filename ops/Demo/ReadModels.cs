using Npgsql;

namespace TrackAi.Demo;

/// <summary>Prints the relations that people query.</summary>
internal static class ReadModels
{
    private static readonly (string Title, string Sql)[] Queries =
    [
        ("v_dispatch_summary", $"select * from v_dispatch_summary where tenant_id = '{DemoRun.Tenant}' limit 10"),
        ("v_match_rate_by_tenant", $"select * from v_match_rate_by_tenant where tenant_id = '{DemoRun.Tenant}' limit 10"),
        ("analytics_metrics_daily", $"select * from analytics_metrics_daily where tenant_id = '{DemoRun.Tenant}' limit 10"),
    ];

    public static async Task PrintAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        var dataSource = services.GetRequiredService<NpgsqlDataSource>();
        foreach (var (title, sql) in Queries)
        {
            Console.WriteLine($"\n{title}");
            await using var command = dataSource.CreateCommand(sql);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
                Console.WriteLine(
                    $"  {string.Join("  ", Enumerable.Range(0, reader.FieldCount).Where(column => !reader.IsDBNull(column)).Select(column => $"{reader.GetName(column)}={Shown(reader.GetValue(column))}"))}"
                );
        }
        Console.WriteLine();
    }

    private static string Shown(object value) =>
        value switch
        {
            DateOnly day => $"{day:yyyy-MM-dd}",
            DateTime time => $"{time:yyyy-MM-dd}",
            _ => FormattableString.Invariant($"{value}"),
        };
}
