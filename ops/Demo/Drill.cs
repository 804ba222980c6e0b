using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Npgsql;
using TrackAi.Contracts;
using TrackAi.MetaStandIn;
using TrackAi.PrivateCluster;

namespace TrackAi.Demo;

/// <summary>
/// Breaks a scratch installation on purpose, one thing after another, and prints the evidence: every sale that was acknowledged is at Meta, once,
/// under the id it always had, and the log, the queue and the read models say the same.
/// </summary>
internal static class Drill
{
    private const string Tenant = "drill";
    private const string Secret = "drill-secret";
    private const string Pixel = "700000000000007";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private sealed record Step(string Name, int Sales, Func<Task> Break, Func<Task> Mend);

    public static async Task<int> RunAsync(int sales, CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("trackai-drill-").FullName;
        await using var meta = await MetaStandInServer.StartAsync(cancellationToken: cancellationToken);
        await using var cluster = await PrivateCluster.PrivateCluster.StartOrAttachAsync(
            new PrivateClusterOptions { DataDirectory = directory },
            cancellationToken
        );
        await using var database = NpgsqlDataSource.Create(cluster.ConnectionString);
        using var http = new HttpClient(new SocketsHttpHandler()) { Timeout = TimeSpan.FromSeconds(10) };
        var host = await ServeAsync(directory, meta.BaseUrl, cancellationToken);
        var failures = 0;
        try
        {
            foreach (var step in Steps())
                failures += await PlayAsync(step);
            var verified = Run(directory, meta.BaseUrl, "verify");
            await verified.WaitForExitAsync(cancellationToken);
            Say(
                verified.ExitCode == 0,
                "verify: the log, counted anew, the queue and the read models balance",
                await verified.StandardOutput.ReadToEndAsync(cancellationToken)
            );
            failures += verified.ExitCode == 0 ? 0 : 1;
        }
        finally
        {
            host.Kill();
            await host.WaitForExitAsync(CancellationToken.None);
            host.Dispose();
        }

        Console.WriteLine(
            failures == 0
                ? "drill: nothing was lost and nothing was sent under two ids"
                : $"drill: {failures} steps failed; the data is in {directory}"
        );
        return failures == 0 ? 0 : 1;

        IReadOnlyList<Step> Steps() =>
            [
                new("nothing is wrong", sales, Nothing, Nothing),
                Faulty("Meta throttles (429)", MetaFault.Error(429, 4) with { Times = 10 }),
                Faulty("Meta answers 500", MetaFault.Error(500, 1) with { Times = 10 }),
                Faulty("Meta answers a proxy's page", MetaFault.Html() with { Times = 4 }),
                Faulty("Meta's answer breaks off", MetaFault.TruncatedJson() with { Times = 4 }),
                Faulty("Meta hangs", MetaFault.Hang() with { Times = 3 }),
                Faulty("Meta takes fewer than were sent", MetaFault.FewerReceived() with { Times = 3 }),
                Faulty("Meta takes them and the answer is lost", MetaFault.Reset() with { Times = 3, AcceptFirst = true }),
                new(
                    "the token dies, and its pixel is resumed by a command",
                    sales,
                    () => Inject(MetaFault.Error(400, 190, 463)),
                    ResumeAsync
                ),
                new("the host is killed (SIGKILL) under load", sales, KillHostAsync, Nothing),
                new("Postgres is killed (SIGKILL) under load", sales, KillPostgresAsync, Nothing),
            ];

        Step Faulty(string name, MetaFault fault) => new(name, sales, () => Inject(fault), Nothing);

        Task Nothing() => Task.CompletedTask;

        Task Inject(MetaFault fault)
        {
            meta.Inject(fault);
            return Task.CompletedTask;
        }

        async Task ResumeAsync()
        {
            await UntilAsync(
                async () => await CountAsync("select count(*) from dispatch_pixel where paused_at is not null") == 1,
                "the pixel is paused"
            );
            meta.ClearFaults();
            using var resume = Run(directory, meta.BaseUrl, "pixels", "resume", Tenant, Pixel);
            await resume.WaitForExitAsync(cancellationToken);
        }

        async Task KillHostAsync()
        {
            await Task.Delay(TimeSpan.FromMilliseconds(60), cancellationToken);
            host.Kill();
            await host.WaitForExitAsync(cancellationToken);
            host.Dispose();
            host = await ServeAsync(directory, meta.BaseUrl, cancellationToken);
        }

        async Task KillPostgresAsync()
        {
            await Task.Delay(TimeSpan.FromMilliseconds(60), cancellationToken);
            var pid = (await File.ReadAllLinesAsync(Path.Combine(cluster.ServerDirectory, "postmaster.pid"), cancellationToken))[0];
            using var postgres = Process.GetProcessById(int.Parse(pid, System.Globalization.CultureInfo.InvariantCulture));
            postgres.Kill();
        }

        async Task<int> PlayAsync(Step step)
        {
            var run = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));
            string[] orders = [.. Enumerable.Range(0, step.Sales).Select(number => $"{run}-{number}")];
            var started = Stopwatch.GetTimestamp();
            var breaking = step.Break();
            var posts = await Task.WhenAll(orders.Chunk(Math.Max(1, step.Sales / 4)).Select(DeliverAllAsync));
            await breaking;
            await step.Mend();
            var problem = "";
            try
            {
                await UntilAsync(
                    async () => await CountAsync("select count(*) from dispatch_queue") == 0 && orders.All(order => AtMeta(order).Any()),
                    "all of it is sent"
                );
            }
            catch (TimeoutException exception)
            {
                problem = exception.Message;
            }

            meta.ClearFaults();
            var found = orders.Select(order => (Order: order, Events: AtMeta(order).ToArray())).ToArray();
            var lost = found.Count(one => one.Events.Length == 0);
            var foreign = found.Count(one =>
                one.Events.Any(sent => sent.EventId != $"{Ids.EventId(Tenant, "perfectpay", one.Order, "Purchase")}")
            );
            var several = found.Count(one => one.Events.Length > 1);
            var repeated = found.Sum(one => one.Events.Sum(sent => sent.Times - 1));
            var dead = await CountAsync("select count(*) from dispatch_dead_letter");
            var confirmed = await CountAsync(
                $"select count(distinct stream_id) from mt_events where type = 'dispatch_succeeded' and stream_id like 'conversion-perfectpay-{run}-%'"
            );
            var isGood = lost == 0 && foreign == 0 && several == 0 && dead == 0 && confirmed == step.Sales;
            Say(
                isGood,
                step.Name,
                $"{step.Sales} sales acknowledged after {posts.Sum()} posts; at Meta {found.Length - lost}, each under its own id, {repeated} times sent again under the same; "
                    + $"recorded as sent {confirmed}, dead {dead}, lost {lost}; {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s {problem}"
            );
            return isGood ? 0 : 1;
        }

        IEnumerable<ReceivedEvent> AtMeta(string order) =>
            meta.Received.Where(one =>
                one.Event.GetProperty("custom_data").TryGetProperty("order_id", out var id) && id.GetString() == order
            );

        // As a gateway does: what is not acknowledged is delivered again.
        async Task<int> DeliverAllAsync(string[] orders)
        {
            var posts = 0;
            foreach (var order in orders)
                while (true)
                {
                    posts++;
                    if (await DeliverAsync(order))
                        break;
                    await Task.Delay(TimeSpan.FromMilliseconds(100), cancellationToken);
                }
            return posts;
        }

        async Task<bool> DeliverAsync(string order)
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
            using var request = new HttpRequestMessage(HttpMethod.Post, $"{Url(directory)}/api/v1/webhooks/perfectpay/{Tenant}")
            {
                Content = new ByteArrayContent(body),
            };
            request.Content.Headers.ContentType = new("application/json");
            request.Headers.Add(
                "x-perfectpay-signature",
                Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), body))
            );
            try
            {
                using var answer = await http.SendAsync(request, cancellationToken);
                return answer.StatusCode == HttpStatusCode.Accepted;
            }
            catch (HttpRequestException)
            {
                return false;
            }
            catch (TaskCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                return false;
            }
        }

        async Task<long> CountAsync(string sql)
        {
            await using var command = database.CreateCommand(sql);
            return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
        }

        async Task UntilAsync(Func<Task<bool>> condition, string what)
        {
            var started = Stopwatch.GetTimestamp();
            while (true)
            {
                try
                {
                    if (await condition())
                        return;
                }
                catch (NpgsqlException)
                {
                    // It is just being killed.
                }

                if (Stopwatch.GetElapsedTime(started) > Patience)
                    throw new TimeoutException($"Waited in vain: {what}.");
                await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
            }
        }
    }

    private static void Say(bool isGood, string what, string evidence) =>
        Console.WriteLine($"{(isGood ? "ok  " : "FAIL")}  {what}\n        {evidence.Trim().ReplaceLineEndings("\n        ")}");

    private static string Url(string directory) => File.ReadAllText(Path.Combine(directory, "url"));

    private static async Task<Process> ServeAsync(string directory, string meta, CancellationToken cancellationToken)
    {
        var host = Run(directory, meta, "serve");
        while (await host.StandardOutput.ReadLineAsync(cancellationToken) is { } line)
            if (line.IndexOf("Now listening on: ", StringComparison.Ordinal) is >= 0 and var at)
            {
                await File.WriteAllTextAsync(
                    Path.Combine(directory, "url"),
                    line[(at + 18)..].TrimEnd('"', '}', ' ').Split('"')[0],
                    cancellationToken
                );
                // Read to the end, or it would block once the pipe is full.
                _ = host.StandardOutput.BaseStream.CopyToAsync(Stream.Null, CancellationToken.None);
                return host;
            }
        throw new InvalidOperationException("The host of the drill ended before it served.");
    }

    private static Process Run(string directory, string meta, params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../..", "dotnet")))
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in (string[])["exec", Path.Combine(AppContext.BaseDirectory, "TrackAi.Host.dll"), .. arguments])
            start.ArgumentList.Add(argument);
        foreach (
            var (key, value) in new (string, string?)[]
            {
                ("ConnectionStrings__TrackAi", ""),
                ("TRACKAI_DATA_DIR", directory),
                ("Urls", "http://127.0.0.1:0"),
                ("Meta__BaseUrl", meta),
                ("Meta__TimeoutSeconds", "1"),
                ("Dispatch__Transport", "postgres"),
                ("Dispatch__FirstRetry", "00:00:00.100"),
                ("Dispatch__LongestRetry", "00:00:01"),
                ("Dispatch__ClaimTime", "00:00:03"),
                ("Dispatch__Circuit__Break", "00:00:01"),
                ("Dispatch__Circuit__LongestBreak", "00:00:02"),
                ($"Tenants__{Tenant}__Name", "Drill"),
                ($"Tenants__{Tenant}__Gateways__perfectpay__Secret", Secret),
                ($"Tenants__{Tenant}__Pixels__{Pixel}__Token", "drill-token"),
            }
        )
            start.Environment[key] = value;
        var process = Process.Start(start)!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        return process;
    }
}
