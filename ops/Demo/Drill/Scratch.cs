using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Npgsql;
using TrackAi.MetaStandIn;
using TrackAi.PrivateCluster;
using Cluster = TrackAi.PrivateCluster.PrivateCluster;

namespace TrackAi.Demo;

/// <summary>An installation to be broken: Postgres, the host in a process of its own, a stand-in for Meta, and one for SQS where it is asked for.</summary>
internal sealed class Scratch : IAsyncDisposable
{
    public const string Tenant = "drill";
    public const string Pixel = "700000000000007";

    private const string Secret = "drill-secret";
    private const string Listening = "Now listening on: ";
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly string directory;
    private readonly Cluster cluster;
    private readonly NpgsqlDataSource database;
    private readonly HttpClient http = new(new SocketsHttpHandler()) { Timeout = TimeSpan.FromSeconds(10) };
    private readonly Dictionary<string, string> settings;
    private Process? host;
    private bool isKept;
    private Uri url = new("http://127.0.0.1");

    private Scratch(string directory, Cluster cluster, MetaStandInServer meta, SqsStandIn? sqs, bool bySqs)
    {
        (this.directory, this.cluster, Meta, Sqs) = (directory, cluster, meta, sqs);
        database = NpgsqlDataSource.Create(cluster.ConnectionString);
        settings = new(StringComparer.Ordinal)
        {
            ["ConnectionStrings__TrackAi"] = "",
            ["TRACKAI_DATA_DIR"] = directory,
            ["Urls"] = "http://127.0.0.1:0",
            ["Meta__BaseUrl"] = meta.BaseUrl,
            ["Meta__TimeoutSeconds"] = "1",
            ["Dispatch__Transport"] = bySqs ? "sqs" : "postgres",
            ["Dispatch__FirstRetry"] = "00:00:00.100",
            ["Dispatch__LongestRetry"] = "00:00:01",
            ["Dispatch__ClaimTime"] = "00:00:03",
            ["Dispatch__Circuit__Break"] = "00:00:01",
            ["Dispatch__Circuit__LongestBreak"] = "00:00:02",
            [$"Tenants__{Tenant}__Name"] = "Drill",
            [$"Tenants__{Tenant}__Gateways__perfectpay__Secret"] = Secret,
            [$"Tenants__{Tenant}__Pixels__{Pixel}__Token"] = "drill-token",
        };
        if (bySqs)
            SetSqs();
    }

    public MetaStandInServer Meta { get; }

    /// <summary>Null where dispatches go by Postgres, or by an SQS that is not ours to kill.</summary>
    public SqsStandIn? Sqs { get; }

    /// <param name="bySqs">By <c>Sqs:ServiceUrl</c> of the environment where it is set, else by a stand-in of its own.</param>
    public static async Task<Scratch> StartAsync(bool bySqs, CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("trackai-drill-").FullName;
        SqsStandIn? sqs = null;
        if (bySqs && GivenSqs is null)
        {
            sqs = new SqsStandIn(Path.Combine(Clone(), "tests", "TrackAi.Testing", "Sqs"));
            await sqs.StartAsync();
        }

        var scratch = new Scratch(
            directory,
            await Cluster.StartOrAttachAsync(new PrivateClusterOptions { DataDirectory = directory }, cancellationToken),
            await MetaStandInServer.StartAsync(cancellationToken: cancellationToken),
            sqs,
            bySqs
        );
        try
        {
            await scratch.ServeAsync(cancellationToken);
            return scratch;
        }
        catch
        {
            await scratch.DisposeAsync();
            throw;
        }
    }

    /// <summary>Keeps the data for whoever wants to know what happened.</summary>
    public string Keep()
    {
        isKept = true;
        return directory;
    }

    public async Task KillHostAsync(CancellationToken cancellationToken)
    {
        host!.Kill();
        await host.WaitForExitAsync(cancellationToken);
        host.Dispose();
        await ServeAsync(cancellationToken);
    }

    public async Task KillPostgresAsync(CancellationToken cancellationToken)
    {
        var pid = (await File.ReadAllLinesAsync(Path.Combine(cluster.ServerDirectory, "postmaster.pid"), cancellationToken))[0];
        using var postgres = Process.GetProcessById(int.Parse(pid, CultureInfo.InvariantCulture));
        postgres.Kill();
    }

    /// <summary>Runs a verb of the program to its end.</summary>
    public async Task<(int ExitCode, string Output)> RunAsync(CancellationToken cancellationToken, params string[] arguments)
    {
        using var verb = Start(arguments);
        var output = await verb.StandardOutput.ReadToEndAsync(cancellationToken);
        await verb.WaitForExitAsync(cancellationToken);
        return (verb.ExitCode, output);
    }

    /// <summary>Delivers as a gateway does: what is not acknowledged is delivered again. Returns how many posts it took.</summary>
    public async Task<int> DeliverAsync(IEnumerable<string> orders, CancellationToken cancellationToken)
    {
        var posts = 0;
        foreach (var order in orders)
            for (posts++; !await TryDeliverAsync(order, cancellationToken); posts++)
                await Task.Delay(Pause * 2, cancellationToken);
        return posts;
    }

    public IReadOnlyList<ReceivedEvent> AtMeta(string order) =>
        [
            .. Meta.Received.Where(one =>
                one.Event.GetProperty("custom_data").TryGetProperty("order_id", out var id) && id.GetString() == order
            ),
        ];

    public async Task<long> CountAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Waits for a condition that is read from Postgres, which may just be being killed.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition, string what, TimeSpan patience, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                if (await condition())
                    return;
            }
            catch (NpgsqlException) when (Stopwatch.GetElapsedTime(started) < patience)
            {
                // It comes back.
            }

            if (Stopwatch.GetElapsedTime(started) > patience)
                throw new TimeoutException($"Waited in vain: {what}.");
            await Task.Delay(Pause, cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (host is { HasExited: false })
            host.Kill();
        host?.Dispose();
        http.Dispose();
        await database.DisposeAsync();
        await cluster.DisposeAsync();
        await Meta.DisposeAsync();
        if (Sqs is not null)
            await Sqs.DisposeAsync();
        if (!isKept)
            Directory.Delete(directory, recursive: true);
    }

    private static string? GivenSqs => Environment.GetEnvironmentVariable("Sqs__ServiceUrl") is { Length: > 0 } given ? given : null;

    // Queues of its own, whatever else is there; credentials only for the stand-in, which asks for none.
    private void SetSqs()
    {
        var run = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));
        settings["Sqs__Queue"] = $"trackai-drill-{run}";
        settings["Sqs__DeadLetterQueue"] = $"trackai-drill-dlq-{run}";
        settings["Sqs__Visibility"] = "00:00:03";
        settings["Sqs__Wait"] = "00:00:01";
        settings["Sqs__HandOverAgain"] = "00:00:03";
        if (Sqs is null)
            return;
        settings["Sqs__ServiceUrl"] = Sqs.Url;
        settings["Sqs__Region"] = "us-east-1";
        settings["AWS_ACCESS_KEY_ID"] = "AKIADRILLDRILLDRILL0";
        settings["AWS_SECRET_ACCESS_KEY"] = "not-a-secret-of-anybody";
    }

    private async Task ServeAsync(CancellationToken cancellationToken)
    {
        host = Start("serve");
        while (await host.StandardOutput.ReadLineAsync(cancellationToken) is { } line)
            if (line.IndexOf(Listening, StringComparison.Ordinal) is >= 0 and var at)
            {
                url = new Uri(line[(at + Listening.Length)..].TrimEnd('"', '}', ' ').Split('"')[0]);
                // Read to the end, or it would block once the pipe is full.
                _ = host.StandardOutput.BaseStream.CopyToAsync(Stream.Null, CancellationToken.None);
                return;
            }
        throw new InvalidOperationException("The host of the drill ended before it served.");
    }

    private async Task<bool> TryDeliverAsync(string order, CancellationToken cancellationToken)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new
            {
                order_id = order,
                customer = new { email = $"{order}@example.com", phone = "+5511987654321" },
                amount = 97.5m,
                currency = "BRL",
                status = "approved",
            }
        );
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(url, $"/api/v1/webhooks/perfectpay/{Tenant}"))
        {
            Content = new ByteArrayContent(body),
        };
        request.Content.Headers.ContentType = new("application/json");
        request.Headers.Add("x-perfectpay-signature", Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), body)));
        try
        {
            using var answer = await http.SendAsync(request, cancellationToken);
            return answer.StatusCode == HttpStatusCode.Accepted;
        }
        catch (Exception exception)
            when (exception is HttpRequestException or TaskCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../..", "dotnet")))
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in (string[])["exec", Path.Combine(AppContext.BaseDirectory, "TrackAi.Host.dll"), .. arguments])
            start.ArgumentList.Add(argument);
        foreach (var (key, value) in settings)
            start.Environment[key] = value;
        var process = Process.Start(start)!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        return process;
    }

    private static string Clone()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "TrackAi.sln")))
                return folder.FullName;
        throw new InvalidOperationException("The stand-in for SQS is in a clone of TrackAi; elsewhere set Sqs__ServiceUrl.");
    }
}
