using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrackAi.Dispatch.Queue;
using TrackAi.Dispatch.Queue.Sqs;
using TrackAi.Testing;

namespace TrackAi.Dispatch.Tests;

public sealed class SqsTransportTests(SqsServer sqs) : TransportCompliance, IClassFixture<SqsServer>
{
    // Queues of its own for each test, on one server.
    private readonly SqsOptions options = new()
    {
        ServiceUrl = sqs.Url,
        Region = "us-east-1",
        Queue = $"capi-dispatch-{Guid.CreateVersion7(TimeProvider.System.GetUtcNow()):N}",
        DeadLetterQueue = $"capi-dispatch-dlq-{Guid.CreateVersion7(TimeProvider.System.GetUtcNow()):N}",
        Visibility = TimeSpan.FromSeconds(2),
        // The stand-in does not wake who waits when a message becomes visible again.
        Wait = TimeSpan.FromSeconds(1),
        HandOverAgain = TimeSpan.FromMinutes(5),
    };

    static SqsTransportTests()
    {
        // What AWS's default chain looks at first.
        Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST");
        Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", "not-a-secret-of-anybody");
    }

    private protected override void Configure(IServiceCollection services)
    {
        services.AddSingleton(options);
        services.AddSingleton<SqsClient>();
        services.AddSingleton<SqsQueue>();
        services.AddSingleton<SqsRelay>();
        services.AddSingleton<SqsTransport>();
    }

    private protected override IDispatchTransport TransportOf(IServiceProvider services) => services.GetRequiredService<SqsTransport>();

    [Fact]
    public async Task Both_queues_are_made_with_a_redrive_policy_between_them()
    {
        var host = await HostAsync();
        await QueueAsync(Lane, 1);
        await TakeAllAsync(1, host);

        var policy = await PolicyAsync(host);
        policy.GetProperty("maxReceiveCount").ToString().ShouldBe("5");
        policy.GetProperty("deadLetterTargetArn").GetString().ShouldEndWith($":{options.DeadLetterQueue}");
    }

    [Fact]
    public async Task A_queue_with_another_redrive_policy_is_put_right()
    {
        using var client = new SqsClient(options);
        await client.CallAsync("CreateQueue", new JsonObject { ["QueueName"] = options.Queue }, CancellationToken.None);

        var host = await HostAsync();
        await QueueAsync(Lane, 1);
        await TakeAllAsync(1, host);

        (await PolicyAsync(host)).GetProperty("deadLetterTargetArn").GetString().ShouldEndWith($":{options.DeadLetterQueue}");
    }

    [Fact]
    public async Task What_is_handed_over_twice_is_sent_once()
    {
        var host = await HostAsync();
        await QueueAsync(Lane, 60);
        await HandedOverAsync(60);
        await Database.ExecuteAsync("update dispatch_queue set due_at = now()");
        await host.CallAsync();
        await HandedOverAsync(60);

        await host.ConfirmAsync(await TakeAllAsync(60, host));

        await Eventually.TrueAsync(
            async () =>
            {
                (await host.TakeAsync([])).ShouldBeEmpty();
                return await DepthAsync(options.Queue) == 0;
            },
            "the copies are deleted"
        );
        (await Database.ScalarAsync<long>("select count(*) from mt_events where type = 'dispatch_succeeded'")).ShouldBe(60);
    }

    [Fact]
    public async Task A_batch_that_SQS_takes_only_a_part_of_is_completed_and_everything_is_sent_once()
    {
        await using var unreliable = await UnreliableSqs.StartAsync(sqs.Url, failures: 4);
        (options.ServiceUrl, options.MostPerMessage) = (unreliable.Url, 10);
        var host = await HostAsync();
        var queued = await QueueAsync(Lane, 100);

        var taken = await TakeAllAsync(100, host);
        await host.ConfirmAsync(taken);

        taken.Select(dispatch => dispatch.DispatchId).ShouldBe(queued, ignoreOrder: true);
        unreliable.Failures.ShouldBe(4);
        await NothingIsTakenAsync(host);
        (await Database.ScalarAsync<long>("select count(*) from mt_events where type = 'dispatch_succeeded'")).ShouldBe(100);
    }

    [Fact]
    public async Task What_SQS_lost_is_handed_over_again()
    {
        options.HandOverAgain = TimeSpan.FromMilliseconds(500);
        var host = await HostAsync();
        using var client = new SqsClient(options);
        // The queues are made with the first message.
        await QueueAsync(Other, 1);
        await host.ConfirmAsync(await TakeAllAsync(1, host));
        await QueueAsync(Lane, 10);
        // What is handed over is marked first and sent then.
        await Eventually.TrueAsync(async () => await DepthAsync(options.Queue) > 0, "SQS has them");
        await client.CallAsync(
            "PurgeQueue",
            new JsonObject { ["QueueUrl"] = await UrlAsync(client, options.Queue) },
            CancellationToken.None
        );

        (await TakeAllAsync(10, host)).Count.ShouldBe(10);
    }

    [Fact]
    public async Task What_was_decided_while_SQS_was_down_reaches_it_when_it_is_back()
    {
        var own = new SqsServer();
        await own.InitializeAsync();
        await using var ended = own;
        (options.ServiceUrl, options.HandOverAgain) = (own.Url, TimeSpan.FromSeconds(2));
        var host = await HostAsync();
        await QueueAsync(Lane, 1);
        await host.ConfirmAsync(await TakeAllAsync(1, host));
        await own.StopAsync();
        var queued = await QueueAsync(Lane, 30);
        await NothingIsTakenAsync(host);

        // It comes back empty: not even its queues are there.
        await own.StartAsync();

        (await TakeAllAsync(30, host)).Select(dispatch => dispatch.DispatchId).ShouldBe(queued, ignoreOrder: true);
    }

    [Theory]
    [InlineData(0)]
    // More than are received at once.
    [InlineData(25)]
    public async Task A_message_no_host_survived_becomes_a_dead_letter_where_people_look_also_among_what_is_none_of_ours(int foreign)
    {
        options.MaxReceiveCount = 2;
        options.Visibility = TimeSpan.FromSeconds(1);
        // It takes, and dies every time: nothing is kept up.
        var host = await HostAsync(claimTime: TimeSpan.FromMilliseconds(300));
        // The queues are made with the first message.
        await QueueAsync(Other, 1);
        await host.ConfirmAsync(await TakeAllAsync(1, host));
        using var client = new SqsClient(options);
        for (var one = 0; one < foreign; one++)
            await client.CallAsync(
                "SendMessage",
                new JsonObject { ["QueueUrl"] = await UrlAsync(client, options.DeadLetterQueue), ["MessageBody"] = $"hello {one}" },
                CancellationToken.None
            );
        await QueueAsync(Lane, 3);

        await Eventually.TrueAsync(
            async () =>
            {
                await host.TakeAsync([]);
                return await Database.ScalarAsync<long>("select count(*) from dispatch_dead_letter where reason = 'undelivered'") == 3;
            },
            "it is a dead letter"
        );

        (await Database.ScalarAsync<long>("select count(*) from mt_events where type = 'dispatch_dead_lettered'")).ShouldBe(3);
        (await Database.ScalarAsync<long>("select count(*) from dispatch_queue")).ShouldBe(0);
        await Eventually.TrueAsync(
            async () => await DepthAsync(options.DeadLetterQueue) == foreign,
            "SQS keeps it no longer, and the others as before"
        );
    }

    [Fact]
    public async Task What_is_none_of_ours_disturbs_nobody_and_ends_in_the_dead_letter_queue()
    {
        options.MaxReceiveCount = 1;
        // What is received once and not kept up in time would be put away with it.
        options.Visibility = TimeSpan.FromSeconds(5);
        var host = await HostAsync();
        await QueueAsync(Lane, 1);
        await TakeAllAsync(1, host);
        using var client = new SqsClient(options);
        await client.CallAsync(
            "SendMessage",
            new JsonObject { ["QueueUrl"] = await UrlAsync(client, options.Queue), ["MessageBody"] = "hello" },
            CancellationToken.None
        );
        await QueueAsync(Lane, 5);

        (await TakeAllAsync(5, host)).Count.ShouldBe(5);

        // SQS puts a message away when it is asked for once more, so somebody must go on asking.
        await Eventually.TrueAsync(
            async () =>
            {
                await host.TakeAsync([]);
                return await IsInDeadLettersAsync(client, "hello");
            },
            "it is in the dead-letter queue"
        );
        // The host looks there, too, and does not hide it from people.
        var looks = new List<bool>();
        while (looks.Count < 10)
            looks.Add(await IsInDeadLettersAsync(client, "hello"));
        looks.Count(found => found).ShouldBeGreaterThan(5);
    }

    private async Task<bool> IsInDeadLettersAsync(SqsClient client, string body)
    {
        var dead = await client.CallAsync(
            "ReceiveMessage",
            new JsonObject
            {
                ["QueueUrl"] = await UrlAsync(client, options.DeadLetterQueue),
                ["MaxNumberOfMessages"] = 10,
                ["VisibilityTimeout"] = 0,
            },
            CancellationToken.None
        );
        return dead.TryGetProperty("Messages", out var messages)
            && messages.EnumerateArray().Any(message => message.GetProperty("Body").GetString() == body);
    }

    [Fact]
    public async Task No_more_of_one_pixel_is_at_SQS_than_may_be()
    {
        (options.MostPerPixel, options.MostPerMessage) = (200, 100);
        await HostAsync();

        await QueueAsync(Lane, 1000);
        await QueueAsync(Other, 20);

        await Eventually.TrueAsync(
            () =>
                Database.ScalarAsync<bool>(
                    "select count(*) = 20 from dispatch_queue where tenant_id = 'other' and handed_over_at is not null"
                ),
            "the other pixel's are at SQS"
        );
        await HandedOverAsync(220);
    }

    [Fact]
    public async Task Awscli_reads_what_we_sent_and_nothing_personal_is_in_it()
    {
        if (await AwsAsync("--version") is null)
            Assert.Skip("awscli is not installed");
        var host = await HostAsync();
        await QueueAsync(Other, 1);
        await host.ConfirmAsync(await TakeAllAsync(1, host));
        var queued = await QueueAsync(Lane, 2);
        await Eventually.TrueAsync(async () => await DepthAsync(options.Queue) > 0, "SQS has it");
        // What it received and did not begin, it gives back.
        await host.DieAsync();
        var url = (await AwsAsync("sqs", "get-queue-url", "--queue-name", options.Queue))!.Value.GetProperty("QueueUrl").GetString()!;

        var bodies = new List<JsonElement>();
        await Eventually.TrueAsync(
            async () =>
            {
                var received = await AwsAsync("sqs", "receive-message", "--queue-url", url, "--max-number-of-messages", "10");
                if (received is { ValueKind: JsonValueKind.Object } answer && answer.TryGetProperty("Messages", out var messages))
                    bodies.AddRange(
                        messages.EnumerateArray().Select(message => JsonElement.Parse(message.GetProperty("Body").GetString()!))
                    );
                return bodies.Sum(body => body.GetProperty("dispatches").GetArrayLength()) >= 2;
            },
            "awscli receives it"
        );

        bodies
            .SelectMany(body => body.GetProperty("dispatches").EnumerateArray())
            .Select(dispatch => dispatch.GetString()!)
            .Distinct()
            .ShouldBe(queued, ignoreOrder: true);
        bodies.ShouldAllBe(body =>
            body.EnumerateObject().Select(member => member.Name).SequenceEqual(new[] { "version", "tenant", "pixel", "dispatches" })
        );
    }

    private Task HandedOverAsync(long count) =>
        Eventually.TrueAsync(
            () =>
                Database.ScalarAsync<bool>(
                    "select count(*) = $1 from dispatch_queue where handed_over_at is not null and due_at > now()",
                    count
                ),
            $"{count} are handed over"
        );

    private async Task<JsonElement> PolicyAsync(Sender host)
    {
        var client = host.Services.GetRequiredService<SqsClient>();
        var answer = await client.CallAsync(
            "GetQueueAttributes",
            new JsonObject { ["QueueUrl"] = await UrlAsync(client, options.Queue), ["AttributeNames"] = new JsonArray("RedrivePolicy") },
            CancellationToken.None
        );
        return JsonElement.Parse(answer.GetProperty("Attributes").GetProperty("RedrivePolicy").GetString()!);
    }

    private static async Task<string> UrlAsync(SqsClient client, string queue) =>
        (await client.CallAsync("GetQueueUrl", new JsonObject { ["QueueName"] = queue }, CancellationToken.None))
            .GetProperty("QueueUrl")
            .GetString()!;

    private async Task<int> DepthAsync(string queue)
    {
        using var client = new SqsClient(options);
        var answer = await client.CallAsync(
            "GetQueueAttributes",
            new JsonObject
            {
                ["QueueUrl"] = await UrlAsync(client, queue),
                ["AttributeNames"] = new JsonArray("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"),
            },
            CancellationToken.None
        );
        return answer
            .GetProperty("Attributes")
            .EnumerateObject()
            .Sum(one => int.Parse(one.Value.GetString()!, System.Globalization.CultureInfo.InvariantCulture));
    }

    /// <summary>Null when there is no awscli.</summary>
    private async Task<JsonElement?> AwsAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("aws")
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["AWS_PAGER"] = "" },
        };
        foreach (
            var argument in (string[])["--endpoint-url", options.ServiceUrl!, "--region", "us-east-1", "--output", "json", .. arguments]
        )
            start.ArgumentList.Add(argument);
        try
        {
            using var process = Process.Start(start)!;
            var output = process.StandardOutput.ReadToEndAsync();
            var error = process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync();
            if (arguments is ["--version"])
                return process.ExitCode == 0 ? JsonElement.Parse("true") : null;
            process.ExitCode.ShouldBe(0, await error);
            // It prints nothing where there is no message.
            return await output is { Length: > 0 } text ? JsonElement.Parse(text) : default(JsonElement);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
