using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Amazon.Runtime;
using Microsoft.Extensions.Logging;

namespace TrackAi.Dispatch.Queue.Sqs;

/// <summary>What is in a message: dispatches of one lane. Their state is in Postgres; nothing personal is in here.</summary>
internal sealed record SqsContent(Lane Lane, IReadOnlyList<string> Dispatches);

/// <param name="Content">Null where it is none of ours.</param>
internal sealed record SqsMessage(string Id, string Receipt, SqsContent? Content);

/// <summary>
/// The queue and its dead-letter queue. Standard queues: a message comes at least once, in any order. Both are made at the first use where they are
/// missing, and the redrive policy is set where it is another (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html).
/// </summary>
internal sealed partial class SqsQueue(SqsClient client, SqsOptions options, ILogger<SqsQueue> logger)
{
    /// <summary>SQS's own limit on the entries of a batch.</summary>
    public const int MostInBatch = 10;

    private const int LongestRetention = 14 * 24 * 60 * 60;

    private readonly SemaphoreSlim opening = new(1, 1);
    private (string Queue, string DeadLetters)? urls;

    /// <summary>Sends messages; returns for each whether SQS has it.</summary>
    public async Task<IReadOnlyList<bool>> SendAsync(IReadOnlyList<SqsContent> contents, CancellationToken cancellationToken)
    {
        var (queue, _) = await OpenAsync(cancellationToken);
        var answer = await CallAsync(
            "SendMessageBatch",
            new JsonObject
            {
                ["QueueUrl"] = queue,
                ["Entries"] = new JsonArray([
                    .. contents.Select((content, index) => new JsonObject { ["Id"] = $"{index}", ["MessageBody"] = Write(content) }),
                ]),
            },
            cancellationToken
        );
        var sent = Entries(answer, "Successful").Select(entry => entry.GetProperty("Id").GetString()).ToHashSet(StringComparer.Ordinal);
        foreach (var failed in Entries(answer, "Failed"))
            LogEntryFailed(logger, "SendMessageBatch", failed.GetProperty("Code").GetString() ?? "");
        return [.. contents.Select((_, index) => sent.Contains($"{index}"))];
    }

    public Task<IReadOnlyList<SqsMessage>> ReceiveAsync(TimeSpan wait, CancellationToken cancellationToken) =>
        ReceiveAsync(deadLetters: false, wait, cancellationToken);

    public Task<IReadOnlyList<SqsMessage>> ReceiveDeadLettersAsync(TimeSpan wait, CancellationToken cancellationToken) =>
        ReceiveAsync(deadLetters: true, wait, cancellationToken);

    public async Task DeleteAsync(IReadOnlyCollection<SqsMessage> messages, CancellationToken cancellationToken, bool deadLetters = false)
    {
        foreach (var batch in messages.Chunk(MostInBatch))
            await BatchAsync("DeleteMessageBatch", batch, null, deadLetters, cancellationToken);
    }

    /// <summary>Keeps messages invisible for so long from now; for nothing gives them back.</summary>
    public async Task HideAsync(
        IReadOnlyCollection<SqsMessage> messages,
        TimeSpan time,
        CancellationToken cancellationToken,
        bool deadLetters = false
    )
    {
        foreach (var batch in messages.Chunk(MostInBatch))
            await BatchAsync("ChangeMessageVisibilityBatch", batch, (int)time.TotalSeconds, deadLetters, cancellationToken);
    }

    private async Task<IReadOnlyList<SqsMessage>> ReceiveAsync(bool deadLetters, TimeSpan wait, CancellationToken cancellationToken)
    {
        var (queue, dead) = await OpenAsync(cancellationToken);
        var answer = await CallAsync(
            "ReceiveMessage",
            new JsonObject
            {
                ["QueueUrl"] = deadLetters ? dead : queue,
                ["MaxNumberOfMessages"] = MostInBatch,
                ["WaitTimeSeconds"] = (int)wait.TotalSeconds,
                ["VisibilityTimeout"] = (int)options.Visibility.TotalSeconds,
            },
            cancellationToken
        );
        return
        [
            .. Entries(answer, "Messages")
                .Select(message => new SqsMessage(
                    message.GetProperty("MessageId").GetString()!,
                    message.GetProperty("ReceiptHandle").GetString()!,
                    Read(message.GetProperty("Body").GetString()!)
                )),
        ];
    }

    // What fails of a batch comes again by itself, and does no harm then.
    private async Task BatchAsync(
        string operation,
        IReadOnlyList<SqsMessage> messages,
        int? seconds,
        bool deadLetters,
        CancellationToken cancellationToken
    )
    {
        var (queue, dead) = await OpenAsync(cancellationToken);
        var entries = messages.Select(
            (message, index) =>
            {
                var entry = new JsonObject { ["Id"] = $"{index}", ["ReceiptHandle"] = message.Receipt };
                if (seconds is { } visible)
                    entry["VisibilityTimeout"] = visible;
                return entry;
            }
        );
        var answer = await CallAsync(
            operation,
            new JsonObject { ["QueueUrl"] = deadLetters ? dead : queue, ["Entries"] = new JsonArray([.. entries]) },
            cancellationToken
        );
        foreach (var failed in Entries(answer, "Failed"))
            LogEntryFailed(logger, operation, failed.GetProperty("Code").GetString() ?? "");
    }

    // A queue that somebody deleted is made again.
    private async Task<JsonElement> CallAsync(string operation, JsonObject body, CancellationToken cancellationToken)
    {
        try
        {
            return await client.CallAsync(operation, body, cancellationToken);
        }
        catch (AmazonServiceException exception) when (IsGone(exception))
        {
            urls = null;
            throw;
        }
    }

    private static bool IsGone(AmazonServiceException exception) =>
        exception.ErrorCode is "QueueDoesNotExist" or "AWS.SimpleQueueService.NonExistentQueue";

    private async Task<(string Queue, string DeadLetters)> OpenAsync(CancellationToken cancellationToken)
    {
        if (urls is { } known)
            return known;
        await opening.WaitAsync(cancellationToken);
        try
        {
            if (urls is { } opened)
                return opened;
            var dead = await FindOrMakeAsync(
                options.DeadLetterQueue,
                new JsonObject { ["MessageRetentionPeriod"] = $"{LongestRetention}" },
                cancellationToken
            );
            var arn = (await AttributesAsync(dead, "QueueArn", cancellationToken))!;
            var policy = new JsonObject
            {
                ["deadLetterTargetArn"] = arn,
                ["maxReceiveCount"] = options.MaxReceiveCount.ToString(CultureInfo.InvariantCulture),
            }.ToJsonString();
            var queue = await FindOrMakeAsync(
                options.Queue,
                new JsonObject
                {
                    ["MessageRetentionPeriod"] = $"{LongestRetention}",
                    ["VisibilityTimeout"] = $"{(int)options.Visibility.TotalSeconds}",
                    ["ReceiveMessageWaitTimeSeconds"] = "20",
                    ["RedrivePolicy"] = policy,
                },
                cancellationToken
            );
            await VerifyAsync(queue, arn, policy, cancellationToken);
            return (urls = (queue, dead)).Value;
        }
        finally
        {
            opening.Release();
        }
    }

    private async Task<string> FindOrMakeAsync(string name, JsonObject attributes, CancellationToken cancellationToken)
    {
        try
        {
            return UrlOf(await client.CallAsync("GetQueueUrl", new JsonObject { ["QueueName"] = name }, cancellationToken));
        }
        catch (AmazonServiceException exception) when (IsGone(exception))
        {
            LogMade(logger, name);
            return UrlOf(
                await client.CallAsync(
                    "CreateQueue",
                    new JsonObject { ["QueueName"] = name, ["Attributes"] = attributes },
                    cancellationToken
                )
            );
        }
    }

    private async Task VerifyAsync(string queue, string arn, string policy, CancellationToken cancellationToken)
    {
        var found = await AttributesAsync(queue, "RedrivePolicy", cancellationToken);
        if (
            found is { Length: > 0 }
            && JsonElement.Parse(found) is var set
            && set.TryGetProperty("deadLetterTargetArn", out var target)
            && target.GetString() == arn
            && set.TryGetProperty("maxReceiveCount", out var count)
            && count.ToString() == options.MaxReceiveCount.ToString(CultureInfo.InvariantCulture)
        )
            return;
        LogPolicySet(logger, options.Queue, found ?? "none", policy);
        await client.CallAsync(
            "SetQueueAttributes",
            new JsonObject
            {
                ["QueueUrl"] = queue,
                ["Attributes"] = new JsonObject { ["RedrivePolicy"] = policy },
            },
            cancellationToken
        );
    }

    private async Task<string?> AttributesAsync(string queue, string name, CancellationToken cancellationToken)
    {
        var answer = await client.CallAsync(
            "GetQueueAttributes",
            new JsonObject { ["QueueUrl"] = queue, ["AttributeNames"] = new JsonArray(name) },
            cancellationToken
        );
        return
            answer.ValueKind == JsonValueKind.Object
            && answer.TryGetProperty("Attributes", out var attributes)
            && attributes.ValueKind == JsonValueKind.Object
            && attributes.TryGetProperty(name, out var value)
            ? value.GetString()
            : null;
    }

    private static string UrlOf(JsonElement answer) => answer.GetProperty("QueueUrl").GetString()!;

    private static JsonElement[] Entries(JsonElement answer, string name) =>
        answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array
            ? [.. list.EnumerateArray()]
            : [];

    private static string Write(SqsContent content) =>
        new JsonObject
        {
            ["version"] = 1,
            ["tenant"] = content.Lane.TenantId,
            ["pixel"] = content.Lane.PixelId,
            ["dispatches"] = new JsonArray([.. content.Dispatches.Select(dispatch => JsonValue.Create(dispatch))]),
        }.ToJsonString();

    private static SqsContent? Read(string body)
    {
        try
        {
            var json = JsonElement.Parse(body);
            return json.GetProperty("version").GetInt32() == 1
                ? new SqsContent(
                    new Lane(json.GetProperty("tenant").GetString()!, json.GetProperty("pixel").GetString()!),
                    [.. json.GetProperty("dispatches").EnumerateArray().Select(dispatch => dispatch.GetString()!)]
                )
                : null;
        }
        catch (Exception exception)
            when (exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    [LoggerMessage(2030, LogLevel.Information, "SQS has no queue {Queue}; making it.")]
    private static partial void LogMade(ILogger logger, string queue);

    [LoggerMessage(2031, LogLevel.Warning, "The redrive policy of {Queue} was {Found}; set to {Policy}.")]
    private static partial void LogPolicySet(ILogger logger, string queue, string found, string policy);

    [LoggerMessage(2032, LogLevel.Warning, "SQS did not do a part of {Operation}: {Code}. It is done again.")]
    private static partial void LogEntryFailed(ILogger logger, string operation, string code);
}
