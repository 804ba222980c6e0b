namespace TrackAi.Dispatch;

/// <summary>Section <c>Sqs</c>, for <c>Dispatch:Transport</c> <c>sqs</c>. Credentials are found by AWS's default chain.</summary>
public sealed class SqsOptions
{
    /// <summary>Where SQS is; AWS's own address of the region when left out.</summary>
    public string? ServiceUrl { get; set; }

    /// <summary>Such as <c>sa-east-1</c>; by AWS's own chain when left out.</summary>
    public string? Region { get; set; }

    public string Queue { get; set; } = "capi-dispatch";

    public string DeadLetterQueue { get; set; } = "capi-dispatch-dlq";

    /// <summary>Receives of one message before SQS puts it into the dead-letter queue.</summary>
    public int MaxReceiveCount { get; set; } = 5;

    /// <summary>How long a received message stays invisible without being kept up.</summary>
    public TimeSpan Visibility { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a receive waits for a message; SQS takes 20 seconds at most.</summary>
    public TimeSpan Wait { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>Dispatches of one pixel that are at SQS at a time; the others wait in Postgres, so that no pixel fills the queue.</summary>
    public int MostPerPixel { get; set; } = 2000;

    /// <summary>Dispatches in one message. They belong to one pixel, and nothing personal is in it.</summary>
    public int MostPerMessage { get; set; } = 250;

    /// <summary>A dispatch that SQS was handed this long ago and nobody took is handed over again.</summary>
    public TimeSpan HandOverAgain { get; set; } = TimeSpan.FromMinutes(5);
}
