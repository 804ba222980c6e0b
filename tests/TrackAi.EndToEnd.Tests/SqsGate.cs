using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests;

/// <summary>In front of SQS: passes everything on, and can hold a call before SQS hears of it, or its answer.</summary>
public sealed class SqsGate : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly HttpClient http = new(new SocketsHttpHandler());
    private Uri? behind;
    private volatile Held? held;
    private readonly ConcurrentDictionary<string, bool> queues = new(StringComparer.Ordinal);

    public SqsGate()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        app = builder.Build();
        app.Run(HandleAsync);
    }

    public string Url => app.Urls.First();

    public async Task StartAsync(string sqs)
    {
        behind = new Uri(sqs);
        await app.StartAsync();
    }

    /// <param name="operation">Such as <c>SendMessageBatch</c>; a receive is held only where there is something in it.</param>
    /// <param name="isDone">Whether SQS does its part before.</param>
    public Held Hold(string operation, bool isDone) => held = new Held(this, operation, isDone);

    /// <summary>
    /// Waits until neither queue has a message, dead or not: one that was left by a host that was killed would be taken for the next host's.
    /// </summary>
    public Task EmptyAsync() =>
        Eventually.TrueAsync(
            async () =>
            {
                if (queues.Count < 2)
                    return false;
                foreach (var queue in queues.Keys)
                    if (!await IsEmptyAsync(queue))
                        return false;
                return true;
            },
            "SQS is empty"
        );

    private async Task<bool> IsEmptyAsync(string queue)
    {
        string[] counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"];
        var asked = JsonSerializer.SerializeToUtf8Bytes(new { QueueUrl = queue, AttributeNames = counts });
        var (_, body) = await ForwardAsync("AmazonSQS.GetQueueAttributes", asked, CancellationToken.None);
        var told = JsonNode.Parse(body)?["Attributes"];
        return counts.All(count => (string?)told?[count] == "0");
    }

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        http.Dispose();
    }

    private async Task HandleAsync(HttpContext context)
    {
        var target = ((string?)context.Request.Headers["X-Amz-Target"] ?? "").Split('.')[^1];
        if (held is { IsDone: false } before && before.Operation == target)
            await before.HoldAsync(context);
        using var copy = new MemoryStream();
        await context.Request.Body.CopyToAsync(copy, context.RequestAborted);
        if (target == "ReceiveMessage" && (string?)JsonNode.Parse(copy.ToArray())?["QueueUrl"] is { } queue)
            queues[queue] = true;
        var (status, body) = await ForwardAsync(
            (string?)context.Request.Headers["X-Amz-Target"] ?? "",
            copy.ToArray(),
            context.RequestAborted
        );
        if (held is { IsDone: true } after && after.Operation == target && (target != "ReceiveMessage" || HasMessages(body)))
            await after.HoldAsync(context);
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/x-amz-json-1.0";
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }

    private static bool HasMessages(byte[] body) => JsonNode.Parse(body)?["Messages"] is JsonArray { Count: > 0 };

    private async Task<(int Status, byte[] Body)> ForwardAsync(string target, byte[] asked, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, behind) { Content = new ByteArrayContent(asked) };
        request.Content.Headers.ContentType = new("application/x-amz-json-1.0");
        request.Headers.Add("X-Amz-Target", target);
        using var answer = await http.SendAsync(request, cancellationToken);
        return ((int)answer.StatusCode, await answer.Content.ReadAsByteArrayAsync(cancellationToken));
    }

    /// <summary>A call that goes no further until its caller is gone.</summary>
    public sealed class Held(SqsGate gate, string operation, bool isDone) : IDisposable
    {
        private readonly TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal string Operation => operation;

        internal bool IsDone => isDone;

        public Task ReachedAsync() => reached.Task.WaitAsync(Eventually.Patience);

        public void Dispose() => gate.held = null;

        internal async Task HoldAsync(HttpContext context)
        {
            reached.TrySetResult();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        }
    }
}
