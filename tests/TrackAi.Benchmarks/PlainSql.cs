using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace TrackAi.Benchmarks;

/// <summary>One transaction per append in plain SQL, asked by <c>pgbench</c>, which comes with the server.</summary>
internal static class PlainSql
{
    // The rows of a new stream with one event of about 640 bytes.
    private const string Append = """
        \set sale random(1, 1000000000000)
        begin;
        insert into mt_streams (tenant_id, id, version, timestamp) values ('plain', 'conversion-perfectpay-' || :sale, 1, now());
        insert into mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, is_archived)
        values (nextval('mt_events_sequence'), gen_random_uuid(), 'conversion-perfectpay-' || :sale, 1,
            jsonb_build_object('orderId', :sale, 'gateway', 'perfectpay', 'protected', repeat('x', 560)),
            'conversion_received', now(), 'plain', 'TrackAi.Contracts.ConversionReceived, TrackAi.Contracts', false);
        commit;
        """;

    /// <returns>Transactions a second.</returns>
    public static async Task<double> RunAsync(BenchDatabase database, int clients, TimeSpan duration, CancellationToken cancellationToken)
    {
        var script = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(script, Append, cancellationToken);
            var where = new NpgsqlConnectionStringBuilder(database.ConnectionString);
            var start = new ProcessStartInfo(Path.Combine(database.ProgramDirectory, "pgbench"))
            {
                RedirectStandardOutput = true,
                UseShellExecute = false,
            };
            string[] words =
            [
                .. (string[])["--host", where.Host!, "--port", $"{where.Port}", "--username", where.Username!, "--no-vacuum"],
                .. (string[])["--client", $"{clients}", "--jobs", "2", "--time", $"{Math.Max(1, (int)duration.TotalSeconds)}"],
                .. (string[])["--file", script, where.Database!],
            ];
            foreach (var word in words)
                start.ArgumentList.Add(word);
            start.Environment["PGPASSWORD"] = where.Password;
            using var pgbench = Process.Start(start) ?? throw new InvalidOperationException("pgbench did not start.");
            var said = await pgbench.StandardOutput.ReadToEndAsync(cancellationToken);
            await pgbench.WaitForExitAsync(cancellationToken);
            var tps = said.Split('\n').FirstOrDefault(line => line.StartsWith("tps = ", StringComparison.Ordinal));
            return pgbench.ExitCode == 0 && tps is not null
                ? double.Parse(tps.Split(' ')[2], CultureInfo.InvariantCulture)
                : throw new InvalidOperationException($"pgbench ended with {pgbench.ExitCode}: {said}");
        }
        finally
        {
            File.Delete(script);
        }
    }
}
