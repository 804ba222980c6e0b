using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace TrackAi.MetaStandIn;

/// <summary>
/// A stand-in for Meta's Conversions API on loopback: refuses what Meta refuses, remembers what it took, and goes wrong by command. It never
/// logs.
/// </summary>
public sealed class MetaStandInServer : IAsyncDisposable
{
    private const int MostEvents = 1000;
    private static readonly JsonSerializerOptions FaultJson = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    private readonly MetaStandInOptions options;
    private readonly WebApplication app;
    private readonly Ledger ledger;
    private readonly Faults faults = new();
    private readonly ConcurrentDictionary<string, int> requestsByPixel = new(StringComparer.Ordinal);
    private volatile TaskCompletionSource changed = NewSignal();
    private int requests;
    private long traces;

    private MetaStandInServer(MetaStandInOptions options)
    {
        this.options = options;
        ledger = new Ledger(options.LedgerFile);
        // An empty builder: a host in the same process keeps its own configuration, logs and Ctrl-C.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, options.Port));
        builder.Services.AddRouting();
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(2));
        app = builder.Build();
        app.UseRouting();
        app.MapPost("/{version:regex(^v\\d+\\.\\d+$)}/{pixel}/events", TakeEventsAsync);
        app.MapGet("/debug_token", DebugTokenAsync);
        app.MapGet("/{version:regex(^v\\d+\\.\\d+$)}/debug_token", DebugTokenAsync);
        app.MapPost("/__faults", SetFaultAsync);
        app.MapDelete("/__faults", ClearFaultsAsync);
        app.MapGet("/__received", ListReceivedAsync);
        app.MapFallback(context => RefuseAsync(context, UnknownPath));
    }

    public static async Task<MetaStandInServer> StartAsync(
        MetaStandInOptions? options = null,
        CancellationToken cancellationToken = default
    )
    {
        var server = new MetaStandInServer(options ?? new MetaStandInOptions());
        try
        {
            await server.app.StartAsync(cancellationToken);
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }

        return server;
    }

    /// <summary>Without a slash at the end, such as <c>http://127.0.0.1:40123</c>.</summary>
    public string BaseUrl => app.Urls.First();

    /// <summary>The events that were taken, each once, in the order they came first.</summary>
    public IReadOnlyList<ReceivedEvent> Received => ledger.Received;

    public int ReceivedCount => ledger.Count;

    /// <summary>Arrivals of an event_name and event_id that the pixel already had.</summary>
    public int Duplicates => ledger.Duplicates;

    /// <summary>Requests to <c>/events</c> since the start, whatever became of them.</summary>
    public int Requests => Volatile.Read(ref requests);

    /// <summary>Those of them that were for one pixel.</summary>
    public int RequestsFor(string pixel) => requestsByPixel.GetValueOrDefault(pixel);

    public void Inject(MetaFault fault) => faults.Add(fault);

    public void ClearFaults() => faults.Clear();

    /// <summary>Waits until the predicate holds; looks again at each request and whenever events are taken.</summary>
    /// <exception cref="TimeoutException">It did not hold in time.</exception>
    public async Task WaitForAsync(Func<MetaStandInServer, bool> predicate, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(timeout);
        while (true)
        {
            var next = changed.Task;
            if (predicate(this))
                return;
            try
            {
                await next.WaitAsync(deadline.Token);
            }
            catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException(
                    $"Not reached within {timeout}: {ReceivedCount} events taken, {Duplicates} duplicates, {Requests} requests.",
                    exception
                );
            }
        }
    }

    /// <summary>Twelve hexadecimal digits that tell one token from another.</summary>
    public static string Fingerprint(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)))[..12];

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        ledger.Dispose();
    }

    private static MetaError UnknownPath => new(404, "Unknown path components", 2500, Type: "OAuthException");

    private async Task TakeEventsAsync(HttpContext context)
    {
        var pixel = (string)context.GetRouteValue("pixel")!;
        var (batch, unreadable) = await ReadAsync(context.Request, pixel);
        var cleared = faults.Cleared;
        var (delay, fault) = faults.Take(pixel, batch?.EventIds ?? []);
        // Who waits for a request may change the faults when it came: what becomes of it is decided.
        requestsByPixel.AddOrUpdate(pixel, 1, (_, before) => before + 1);
        Interlocked.Increment(ref requests);
        Signal();
        if (delay > TimeSpan.Zero)
            await WaitAsync(delay, cleared, context.RequestAborted);

        if (fault is { AcceptFirst: false } and not { Kind: MetaFaultKind.FewerReceived or MetaFaultKind.Usage })
        {
            await GoWrongAsync(context, fault, batch?.Events.Count ?? 0);
            return;
        }

        if ((unreadable ?? Judge(batch!)) is { } refusal)
        {
            await RefuseAsync(context, refusal);
            return;
        }

        var isFewer = fault is { Kind: MetaFaultKind.FewerReceived };
        var taken = isFewer ? Math.Max(0, batch!.Events.Count - fault!.Missing) : batch!.Events.Count;
        Take(batch, taken);
        if (fault is { Kind: MetaFaultKind.Usage })
            TellUsage(context, fault.UsedPercent, fault.RegainAccessMinutes);
        if (fault is null || isFewer || fault.Kind == MetaFaultKind.Usage)
            await AnswerAsync(context, 200, Success(taken));
        else
            await GoWrongAsync(context, fault, taken);
    }

    private MetaError? Judge(Batch batch)
    {
        if (CheckCaller(batch) is { } refusal)
            return refusal;
        if (options.KnownPixels is { } pixels && !pixels.Contains(batch.Pixel, StringComparer.Ordinal))
            return new MetaError(
                400,
                $"Unsupported post request. Object with ID '{batch.Pixel}' does not exist, cannot be loaded due to missing permissions, or does not support this operation",
                100,
                33,
                Type: "GraphMethodException"
            );
        if (batch.Events.Count is 0 or > MostEvents)
            return MetaError.InvalidParameter("Invalid Number Of Events", $"Param data must hold 1 to {MostEvents} events.");

        var now = options.Time.GetUtcNow();
        for (var index = 0; index < batch.Events.Count; index++)
            if (EventRules.Check(batch.Events[index], index, now) is { } invalid)
                return invalid;
        return null;
    }

    private MetaError? CheckCaller(Batch batch)
    {
        if (string.IsNullOrWhiteSpace(batch.Token))
            return MetaError.Token(401, "An access token is required to request this resource.");
        if (options.ValidTokens is { } tokens && !tokens.Contains(batch.Token, StringComparer.Ordinal))
            return MetaError.Token(400, "Invalid OAuth access token - Cannot parse access token");
        if (options.AppSecret is null)
            return null;
        var expected = Convert.ToHexStringLower(
            HMACSHA256.HashData(Encoding.UTF8.GetBytes(options.AppSecret), Encoding.UTF8.GetBytes(batch.Token))
        );
        return string.Equals(batch.AppSecretProof, expected, StringComparison.Ordinal)
            ? null
            : new MetaError(400, "Invalid appsecret_proof provided in the API argument", 100, Type: "GraphMethodException");
    }

    private void Take(Batch batch, int count)
    {
        var now = options.Time.GetUtcNow();
        var token = Fingerprint(batch.Token!);
        ledger.Add([.. batch.Events.Take(count).Select(one => new Ledger.Arrival(now, batch.Pixel, token, batch.TestEventCode, one))]);
        Signal();
    }

    private async Task GoWrongAsync(HttpContext context, MetaFault fault, int sent)
    {
        if (fault.Location is not null)
            context.Response.Headers.Location = fault.Location;
        switch (fault.Kind)
        {
            case MetaFaultKind.Hang:
                await HangAsync(context);
                break;
            case MetaFaultKind.Reset:
                context.Abort();
                break;
            case MetaFaultKind.Html:
                context.Response.StatusCode = fault.Status ?? 502;
                context.Response.ContentType = "text/html; charset=utf-8";
                await context.Response.WriteAsync("<!DOCTYPE html><html><body><h1>Sorry, something went wrong.</h1></body></html>");
                break;
            case MetaFaultKind.HugeBody:
                await WriteHugeBodyAsync(context, fault.Status ?? 200);
                break;
            case MetaFaultKind.TruncatedJson:
                context.Response.StatusCode = fault.Status ?? 200;
                context.Response.ContentType = "application/json; charset=UTF-8";
                await context.Response.WriteAsync(Half(Success(sent)));
                break;
            case MetaFaultKind.CutBody:
                context.Response.StatusCode = fault.Status ?? 200;
                context.Response.ContentType = "application/json; charset=UTF-8";
                context.Response.ContentLength = Success(sent).ToJsonString().Length;
                await context.Response.WriteAsync(Half(Success(sent)));
                await context.Response.Body.FlushAsync();
                context.Abort();
                break;
            default:
                await RefuseAsync(context, Refusal(fault), fault.RegainAccessMinutes);
                break;
        }
    }

    private static MetaError Refusal(MetaFault fault) =>
        new(
            fault.Status ?? 500,
            fault.Message ?? (fault.Code is { } code ? $"(#{code}) Something went wrong" : "An unknown error occurred"),
            fault.Code,
            fault.Subcode,
            IsTransient: fault.IsTransient
        );

    private static async Task WaitAsync(TimeSpan delay, Task cleared, CancellationToken aborted)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        await Task.WhenAny(Task.Delay(delay, enough.Token), cleared.WaitAsync(enough.Token));
        await enough.CancelAsync();
        aborted.ThrowIfCancellationRequested();
    }

    private async Task HangAsync(HttpContext context)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, app.Lifetime.ApplicationStopping);
        var released = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = end.Token.Register(released.SetResult);
        await released.Task;
        context.Abort();
    }

    private static async Task WriteHugeBodyAsync(HttpContext context, int status)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json; charset=UTF-8";
        await context.Response.WriteAsync("{\"events_received\":1,\"messages\":[\"");
        var chunk = new byte[64 * 1024];
        Array.Fill(chunk, (byte)'x');
        for (var written = 0; written < 16 * 1024 * 1024 && !context.RequestAborted.IsCancellationRequested; written += chunk.Length)
            await context.Response.Body.WriteAsync(chunk);
        await context.Response.WriteAsync("\"]}");
    }

    private async Task DebugTokenAsync(HttpContext context)
    {
        var query = context.Request.Query;
        if (string.IsNullOrEmpty(query["access_token"]))
        {
            await RefuseAsync(context, MetaError.Token(401, "An access token is required to request this resource."));
            return;
        }

        var token = (string?)query["input_token"] ?? "";
        var isValid = token.Length > 0 && (options.ValidTokens?.Contains(token, StringComparer.Ordinal) ?? true);
        var data = new JsonObject
        {
            ["app_id"] = "1234567890",
            ["type"] = "SYSTEM_USER",
            ["is_valid"] = isValid,
            ["expires_at"] = 0,
            ["data_access_expires_at"] = 0,
            ["scopes"] = isValid ? new JsonArray("ads_management", "business_management") : [],
        };
        if (!isValid)
            data["error"] = new JsonObject { ["code"] = 190, ["message"] = "Invalid OAuth access token." };
        await AnswerAsync(context, 200, new JsonObject { ["data"] = data });
    }

    private async Task SetFaultAsync(HttpContext context)
    {
        MetaFault? fault;
        try
        {
            fault = await JsonSerializer.DeserializeAsync<MetaFault>(context.Request.Body, FaultJson, context.RequestAborted);
        }
        catch (JsonException exception)
        {
            await AnswerAsync(context, 400, new JsonObject { ["error"] = exception.Message });
            return;
        }

        if (fault is not null)
            Inject(fault);
        context.Response.StatusCode = fault is null ? 400 : 204;
    }

    private Task ClearFaultsAsync(HttpContext context)
    {
        ClearFaults();
        context.Response.StatusCode = 204;
        return Task.CompletedTask;
    }

    private Task ListReceivedAsync(HttpContext context)
    {
        var pixel = (string?)context.Request.Query["pixel"];
        var events = Received.Where(one => pixel is null || string.Equals(one.Pixel, pixel, StringComparison.Ordinal));
        return AnswerAsync(
            context,
            200,
            new JsonObject
            {
                ["requests"] = Requests,
                ["duplicates"] = Duplicates,
                ["events"] = new JsonArray([
                    .. events.Select(one => new JsonObject
                    {
                        ["pixel"] = one.Pixel,
                        ["event_name"] = one.EventName,
                        ["event_id"] = one.EventId,
                        ["times"] = one.Times,
                        ["token"] = one.TokenFingerprint,
                        ["test_event_code"] = one.TestEventCode,
                        ["received_at"] = one.FirstReceivedAt.ToString("O", CultureInfo.InvariantCulture),
                        ["event"] = JsonNode.Parse(one.Json),
                    }),
                ]),
            }
        );
    }

    private async Task RefuseAsync(HttpContext context, MetaError error, int? regainAccessMinutes = null)
    {
        if (regainAccessMinutes is { } minutes)
            TellUsage(context, 100, minutes);
        if (error.Status == 401)
            context.Response.Headers.WWWAuthenticate = "OAuth \"Facebook Platform\" \"invalid_token\"";
        await AnswerAsync(context, error.Status, error.ToJson(NextTrace()));
    }

    // https://developers.facebook.com/docs/graph-api/overview/rate-limiting#headers
    private static void TellUsage(HttpContext context, int percent, int? regainAccessMinutes)
    {
        context.Response.Headers["X-App-Usage"] = $$"""{"call_count":{{percent}},"total_cputime":25,"total_time":25}""";
        context.Response.Headers["X-Business-Use-Case-Usage"] =
            $$"""{"104523456789":[{"type":"ads_management","call_count":{{percent}},"total_cputime":25,"total_time":25,"estimated_time_to_regain_access":{{regainAccessMinutes ?? 0}}}]}""";
    }

    private static async Task AnswerAsync(HttpContext context, int status, JsonObject body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json; charset=UTF-8";
        await context.Response.WriteAsync(body.ToJsonString(), context.RequestAborted);
    }

    private JsonObject Success(int taken) =>
        new()
        {
            ["events_received"] = taken,
            ["messages"] = new JsonArray(),
            ["fbtrace_id"] = NextTrace(),
        };

    private static string Half(JsonObject body)
    {
        var text = body.ToJsonString();
        return text[..(text.Length / 2)];
    }

    private string NextTrace() => $"AStandIn{Interlocked.Increment(ref traces):D10}";

    private void Signal() => Interlocked.Exchange(ref changed, NewSignal()).TrySetResult();

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static async Task<(Batch? Batch, MetaError? Unreadable)> ReadAsync(HttpRequest request, string pixel)
    {
        try
        {
            return request.HasFormContentType ? await ReadFormAsync(request, pixel) : await ReadJsonAsync(request, pixel);
        }
        catch (JsonException)
        {
            return (null, new MetaError(400, "(#100) param data must be a valid JSON array.", 100));
        }
    }

    private static async Task<(Batch?, MetaError?)> ReadFormAsync(HttpRequest request, string pixel)
    {
        var form = await request.ReadFormAsync(request.HttpContext.RequestAborted);
        return ToBatch(
            pixel,
            JsonElement.Parse((string?)form["data"] ?? "null"),
            (string?)form["access_token"] ?? request.Query["access_token"],
            form["appsecret_proof"],
            form["test_event_code"]
        );
    }

    private static async Task<(Batch?, MetaError?)> ReadJsonAsync(HttpRequest request, string pixel)
    {
        var body = await JsonSerializer.DeserializeAsync<JsonElement>(request.Body, cancellationToken: request.HttpContext.RequestAborted);
        var data = body.ValueKind == JsonValueKind.Object && body.TryGetProperty("data", out var given) ? given : default;
        return ToBatch(
            pixel,
            data,
            EventRules.Text(body, "access_token") ?? request.Query["access_token"],
            EventRules.Text(body, "appsecret_proof") ?? request.Query["appsecret_proof"],
            EventRules.Text(body, "test_event_code")
        );
    }

    private static (Batch?, MetaError?) ToBatch(string pixel, JsonElement data, string? token, string? proof, string? testEventCode) =>
        data.ValueKind == JsonValueKind.Array
            ? (new Batch(pixel, [.. data.EnumerateArray()], token, proof, testEventCode), null)
            : (null, new MetaError(400, "(#100) The parameter data is required and must be an array.", 100));

    private sealed record Batch(
        string Pixel,
        IReadOnlyList<JsonElement> Events,
        string? Token,
        string? AppSecretProof,
        string? TestEventCode
    )
    {
        public IReadOnlyList<string> EventIds => [.. Events.Select(one => EventRules.Text(one, "event_id")).OfType<string>()];

        /// <summary>Never prints the token.</summary>
        public override string ToString() => $"{Events.Count} events for {Pixel}";
    }

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
