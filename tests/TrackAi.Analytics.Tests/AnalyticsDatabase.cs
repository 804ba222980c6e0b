using System.Globalization;
using Npgsql;
using TrackAi.EventStore;
using TrackAi.Testing;

namespace TrackAi.Analytics.Tests;

/// <summary>A database with a host that builds the read models. Each test has a tenant of its own.</summary>
public class AnalyticsDatabase : TestDatabase
{
    private TestHost? host;
    private int tenants;

    public TestHost Host => host ?? throw new InvalidOperationException("Not started yet.");

    /// <summary>Nothing but appends wakes the daemon here.</summary>
    protected virtual IReadOnlyDictionary<string, string?> Settings { get; } =
        new Dictionary<string, string?> { ["EventStore:PollingTime"] = "00:10:00" };

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        host = await TestHost.StartAsync(this, services => services.AddAnalytics(), settings: Settings);
    }

    public override async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (host is not null)
            await host.DisposeAsync();
        await base.DisposeAsync();
    }

    public string NewTenant() => $"tenant-{Interlocked.Increment(ref tenants)}";

    public async Task AppendAsync(string tenant, string stream, params object[] events) =>
        (await Host.Store.AppendAsync(new Append(new StreamId(tenant, stream), events))).ShouldBeOfType<AppendResult.Appended>();

    /// <summary>Returns once the read models have everything that is in the log.</summary>
    public Task CaughtUpAsync() => Host.CaughtUpAsync("Visits", "Conversions", "ConversionStatus", "DispatchSummary", "MatchReasons");

    /// <summary>Rows as text, one line each, columns apart by a bar.</summary>
    public async Task<IReadOnlyList<string>> RowsAsync(string sql, params object[] parameters)
    {
        await using var command = DataSource.CreateCommand(sql);
        foreach (var parameter in parameters)
            command.Parameters.Add(new() { Value = parameter });
        return await ReadAsync(command);
    }

    private static async Task<IReadOnlyList<string>> ReadAsync(NpgsqlCommand command)
    {
        var rows = new List<string>();
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
            rows.Add(
                string.Join(
                    " | ",
                    Enumerable
                        .Range(0, reader.FieldCount)
                        .Select(column =>
                            reader.GetDataTypeName(column) == "date"
                                ? reader.GetFieldValue<DateOnly>(column).ToString("O", CultureInfo.InvariantCulture)
                                : reader.GetValue(column) switch
                                {
                                    DBNull => "-",
                                    bool truth => truth ? "true" : "false",
                                    IFormattable value => value.ToString(null, CultureInfo.InvariantCulture),
                                    var value => value.ToString(),
                                }
                        )
                )
            );
        return rows;
    }
}
