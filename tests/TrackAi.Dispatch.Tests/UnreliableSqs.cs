using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace TrackAi.Dispatch.Tests;

/// <summary>In front of SQS: the first batches lose their first entry, and SQS says so in its answer, as it may.</summary>
internal sealed class UnreliableSqs : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly HttpClient http = new(new SocketsHttpHandler());
    private readonly string behind;
    private int left;

    private UnreliableSqs(string behind, int failures)
    {
        (this.behind, left) = (behind, failures);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        app = builder.Build();
        app.Run(HandleAsync);
    }

    public string Url => app.Urls.First();

    public int Failures { get; private set; }

    public static async Task<UnreliableSqs> StartAsync(string behind, int failures)
    {
        var proxy = new UnreliableSqs(behind, failures);
        await proxy.app.StartAsync();
        return proxy;
    }

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        http.Dispose();
    }

    private async Task HandleAsync(HttpContext context)
    {
        var target = (string?)context.Request.Headers["X-Amz-Target"] ?? "";
        var body = (await JsonNode.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted))!.AsObject();
        JsonNode? kept = null;
        if (target.EndsWith("MessageBatch", StringComparison.Ordinal) && Interlocked.Decrement(ref left) >= 0)
        {
            kept = body["Entries"]!.AsArray()[0];
            body["Entries"]!.AsArray().RemoveAt(0);
            Failures++;
        }

        var answer = body["Entries"] is JsonArray { Count: 0 } ? new JsonObject() : await ForwardAsync(context, target, body);
        if (kept is not null)
            answer["Failed"] = new JsonArray(
                new JsonObject
                {
                    ["Id"] = kept["Id"]!.GetValue<string>(),
                    ["SenderFault"] = false,
                    ["Code"] = "InternalError",
                }
            );
        context.Response.ContentType = "application/x-amz-json-1.0";
        await context.Response.WriteAsync(answer.ToJsonString(), context.RequestAborted);
    }

    private async Task<JsonObject> ForwardAsync(HttpContext context, string target, JsonObject body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, behind)
        {
            Content = new StringContent(body.ToJsonString(), System.Text.Encoding.UTF8, "application/x-amz-json-1.0"),
        };
        request.Headers.Add("X-Amz-Target", target);
        using var answer = await http.SendAsync(request, context.RequestAborted);
        context.Response.StatusCode = (int)answer.StatusCode;
        var text = await answer.Content.ReadAsStringAsync(context.RequestAborted);
        return text.Length == 0 ? [] : JsonNode.Parse(text)!.AsObject();
    }
}
