using System.Buffers;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using Microsoft.Extensions.Options;
using TrackAi.Contracts;

namespace TrackAi.Dispatch;

/// <summary>Sends one batch to one pixel and reads the answer. Never throws for what Meta or the network does.</summary>
internal sealed class MetaClient(IHttpClientFactory clients, IOptions<MetaOptions> options, TimeProvider time)
{
    public const int MostEvents = 1000;
    public const string HttpClientName = "meta";

    /// <summary>Meta's answers are a few hundred bytes; what is longer is none of them.</summary>
    private const int MostAnswerBytes = 64 * 1024;

    /// <summary>A longer wait is asked for by nobody in his right mind; the queue's own limits come first.</summary>
    private static readonly TimeSpan LongestRetryAfter = TimeSpan.FromDays(1);

    /// <exception cref="OperationCanceledException">The caller gave up; Meta may have taken the events.</exception>
    public async Task<MetaAnswer> SendAsync(Pixel pixel, IReadOnlyList<CapiEvent> events, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfZero(events.Count, nameof(events));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(events.Count, MostEvents, nameof(events));

        var start = time.GetTimestamp();
        var timeout = TimeSpan.FromSeconds(options.Value.TimeoutSeconds);
        using var deadline = new CancellationTokenSource(timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            using var request = Request(pixel, events);
            using var response = await clients
                .CreateClient(HttpClientName)
                .SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
            var body = await ReadBoundedAsync(response.Content, either.Token);
            return Read(pixel, events.Count, response, body, time.GetElapsedTime(start)) with
            {
                Usage = UsageHeaders.Read(response.Headers),
            };
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new MetaAnswer.NoAnswer(
                string.Create(CultureInfo.InvariantCulture, $"No answer within {timeout.TotalSeconds} s."),
                time.GetElapsedTime(start)
            );
        }
        catch (HttpRequestException exception)
        {
            return new MetaAnswer.NoAnswer($"No answer: {exception.HttpRequestError}.", time.GetElapsedTime(start));
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException)
        {
            return new MetaAnswer.NoAnswer("The answer broke off.", time.GetElapsedTime(start));
        }
    }

    /// <summary>Where a pixel's events go.</summary>
    public string UrlOf(string pixelId) =>
        $"{options.Value.BaseUrl.TrimEnd('/')}/{options.Value.ApiVersion}/{Uri.EscapeDataString(pixelId)}/events";

    private HttpRequestMessage Request(Pixel pixel, IReadOnlyList<CapiEvent> events)
    {
        var meta = options.Value;
        var body = new ArrayBufferWriter<byte>(events.Count * 1024);
        CapiPayload.WriteRequest(body, pixel, events, AppSecretProof.Of(meta.AppSecretOf(pixel.PixelId), pixel.AccessToken));
        return new HttpRequestMessage(HttpMethod.Post, UrlOf(pixel.PixelId))
        {
            Content = new ReadOnlyMemoryContent(body.WrittenMemory)
            {
                Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
            },
        };
    }

    private static async Task<byte[]> ReadBoundedAsync(HttpContent content, CancellationToken cancellationToken)
    {
        await using var stream = await content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[MostAnswerBytes];
        var length = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        return buffer[..length];
    }

    private static MetaAnswer Read(Pixel pixel, int sent, HttpResponseMessage response, byte[] body, TimeSpan latency)
    {
        using var json = TryParse(body);
        try
        {
            return Judge(pixel, sent, response, json?.RootElement ?? default, latency);
        }
        catch (InvalidOperationException)
        {
            // Well-formed JSON whose text is not: half a surrogate pair, bytes that are no UTF-8.
            return Judge(pixel, sent, response, default, latency);
        }
    }

    private static MetaAnswer Judge(Pixel pixel, int sent, HttpResponseMessage response, JsonElement answer, TimeSpan latency)
    {
        var status = (int)response.StatusCode;
        var trace = Text(answer, "fbtrace_id");

        if (Property(answer, "error") is { ValueKind: JsonValueKind.Object } error)
            return ReadError(pixel, response, error, latency);
        if (!response.IsSuccessStatusCode)
            return Refused($"HTTP {status} without Meta's error.", ErrorClasses.Of(status, null, null, isTransient: false));
        if (Integer(answer, "events_received") is not { } received)
            return Refused($"HTTP {status} without Meta's answer.", ErrorClass.Transient);
        // Which ones are missing is not said. All are sent again: Meta keeps the first of the same event_id.
        if (received < sent)
            return Refused(string.Create(CultureInfo.InvariantCulture, $"events_received is {received} of {sent}."), ErrorClass.Transient);
        return new MetaAnswer.Accepted(received, trace, Messages(pixel, answer), status, latency);

        MetaAnswer.Refused Refused(string message, ErrorClass errorClass) =>
            new(errorClass, status, null, null, message, trace, RetryAfter(response), latency);
    }

    private static MetaAnswer.Refused ReadError(Pixel pixel, HttpResponseMessage response, JsonElement error, TimeSpan latency)
    {
        var status = (int)response.StatusCode;
        var code = Integer(error, "code");
        var subcode = Integer(error, "error_subcode");
        var isTransient = Property(error, "is_transient") is { ValueKind: JsonValueKind.True };
        string?[] said = [Text(error, "message"), Text(error, "error_user_title"), Text(error, "error_user_msg")];
        return new MetaAnswer.Refused(
            ErrorClasses.Of(status, code, subcode, isTransient),
            status,
            code,
            subcode,
            Scrub.Clean(string.Join(": ", said.Where(text => !string.IsNullOrWhiteSpace(text))), pixel.AccessToken, pixel.PixelId),
            Text(error, "fbtrace_id"),
            RetryAfter(response),
            latency
        );
    }

    private static IReadOnlyList<string> Messages(Pixel pixel, JsonElement answer) =>
        Property(answer, "messages") is { ValueKind: JsonValueKind.Array } messages
            ?
            [
                .. messages
                    .EnumerateArray()
                    .Take(10)
                    .Select(message => message.ValueKind == JsonValueKind.String ? message.GetString()! : message.GetRawText())
                    .Select(message => Scrub.Clean(message, pixel.AccessToken, pixel.PixelId)),
            ]
            : [];

    private static TimeSpan? RetryAfter(HttpResponseMessage response)
    {
        var header = response.Headers.RetryAfter?.Delta ?? TimeSpan.Zero;
        var usage = UsageHeaders.Read(response.Headers).RegainAccess;
        var longest = header > usage ? header : usage;
        return longest > LongestRetryAfter ? LongestRetryAfter
            : longest > TimeSpan.Zero ? longest
            : null;
    }

    private static JsonDocument? TryParse(byte[] body)
    {
        try
        {
            return JsonDocument.Parse(body);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static JsonElement? Property(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) ? value : null;

    private static string? Text(JsonElement element, string name) =>
        Property(element, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    private static int? Integer(JsonElement element, string name) =>
        Property(element, name) switch
        {
            { ValueKind: JsonValueKind.Number } number when number.TryGetInt32(out var value) => value,
            { ValueKind: JsonValueKind.String } text
                when int.TryParse(text.GetString(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) => value,
            _ => null,
        };
}
