using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using TrackAi.Contracts;
using TrackAi.MetaStandIn;
using TrackAi.Testing;
using static TrackAi.Dispatch.Tests.Sales;

namespace TrackAi.Dispatch.Tests;

public sealed class MetaClientTests : IAsyncLifetime
{
    private static readonly Pixel Pixel = new("1234567890", "EAAtokenOfTheTests0123456789", "TEST123");

    private MetaStandInServer meta = null!;
    private IHost host = null!;
    private readonly LogCatcher logs = new();

    private MetaClient Client => host.Services.GetRequiredService<MetaClient>();

    public async ValueTask InitializeAsync()
    {
        meta = await MetaStandInServer.StartAsync(new MetaStandInOptions { Time = new StoppedClock(Noon) });
        host = Host(meta.BaseUrl, timeoutSeconds: "30");
    }

    public async ValueTask DisposeAsync()
    {
        host.Dispose();
        await meta.DisposeAsync();
    }

    [Fact]
    public async Task An_accepted_batch_is_at_Meta_as_it_was_built()
    {
        CapiEvent[] events = [EventOf("A", Noon), EventOf("B", Noon)];

        var answer = await Client.SendAsync(Pixel, events, CancellationToken.None);

        var accepted = answer.ShouldBeOfType<MetaAnswer.Accepted>();
        (accepted.EventsReceived, accepted.HttpStatus, accepted.Messages.Count).ShouldBe((2, 200, 0));
        accepted.FbTraceId.ShouldNotBeNullOrEmpty();
        accepted.Latency.ShouldBeGreaterThan(TimeSpan.Zero);
        meta.Received.Select(one => one.EventId).ShouldBe(events.Select(one => one.EventId));
        meta.Received[0].Json.ShouldBe(System.Text.Encoding.UTF8.GetString(CapiPayload.ToJson(events[0])));
        meta.Received[0].TestEventCode.ShouldBe("TEST123");
        meta.Received[0].TokenFingerprint.ShouldBe(MetaStandInServer.Fingerprint(Pixel.AccessToken));
    }

    [Fact]
    public async Task A_batch_of_a_thousand_goes_through_and_a_larger_one_is_a_mistake_of_ours()
    {
        var events = Enumerable.Range(0, 1000).Select(order => EventOf($"{order}", Noon)).ToArray();

        (await Client.SendAsync(Pixel, events, CancellationToken.None)).ShouldBeOfType<MetaAnswer.Accepted>().EventsReceived.ShouldBe(1000);
        await Should.ThrowAsync<ArgumentOutOfRangeException>(() =>
            Client.SendAsync(Pixel, [.. events, EventOf("one more", Noon)], CancellationToken.None)
        );
    }

    [Theory]
    [InlineData(500, 1, null, ErrorName.Transient)]
    [InlineData(400, 190, 463, ErrorName.Token)]
    [InlineData(403, 200, null, ErrorName.Permission)]
    [InlineData(400, 100, 2804003, ErrorName.Permanent)]
    public async Task A_refusal_is_told_with_its_class_and_Metas_own_codes(int status, int code, int? subcode, string name)
    {
        meta.Inject(MetaFault.Error(status, code, subcode));

        var refused = (await SendOneAsync()).ShouldBeOfType<MetaAnswer.Refused>();

        (refused.Class.Name(), refused.HttpStatus, refused.Code, refused.Subcode).ShouldBe((name, status, code, subcode));
        refused.Message.ShouldBe($"(#{code}) Something went wrong");
        refused.FbTraceId.ShouldNotBeNullOrEmpty();
        refused.RetryAfter.ShouldBeNull();
        meta.ReceivedCount.ShouldBe(0);
    }

    [Fact]
    public async Task Metas_reason_is_kept()
    {
        var old = EventOf("old", Noon.AddDays(-8));

        var refused = (
            await Client.SendAsync(Pixel, [EventOf("A", Noon), old], CancellationToken.None)
        ).ShouldBeOfType<MetaAnswer.Refused>();

        (refused.Code, refused.Subcode, refused.IsAboutTheEvents).ShouldBe((100, 2804003, true));
        refused.Message.ShouldBe("Invalid parameter: Event Timestamp Too Old: $['data'][1]['event_time'] is more than 7 days in the past.");
        meta.ReceivedCount.ShouldBe(0);
    }

    [Fact]
    public async Task Throttling_tells_how_long_to_stay_away()
    {
        meta.Inject(MetaFault.Throttled(regainAccessMinutes: 7));

        var refused = (await SendOneAsync()).ShouldBeOfType<MetaAnswer.Refused>();

        (refused.Class, refused.HttpStatus, refused.Code).ShouldBe((ErrorClass.Throttled, 429, 4));
        refused.RetryAfter.ShouldBe(TimeSpan.FromMinutes(7));
    }

    [Fact]
    public async Task A_token_that_Meta_quotes_is_not_repeated()
    {
        meta.Inject(MetaFault.Error(400, 190) with { Message = $"Malformed access token {Pixel.AccessToken} of ana@example.com" });

        (await SendOneAsync()).ShouldBeOfType<MetaAnswer.Refused>().Message.ShouldBe("Malformed access token [token] of [email]");
    }

    [Theory]
    [InlineData(200, ErrorName.Transient)]
    [InlineData(502, ErrorName.Transient)]
    [InlineData(403, ErrorName.Transient)]
    [InlineData(413, ErrorName.Permanent)]
    [InlineData(429, ErrorName.Throttled)]
    public async Task A_page_instead_of_an_answer_is_read_by_its_status(int status, string name)
    {
        meta.Inject(MetaFault.Html(status));

        var refused = (await SendOneAsync()).ShouldBeOfType<MetaAnswer.Refused>();

        (refused.Class.Name(), refused.HttpStatus, refused.Code).ShouldBe((name, status, null));
        refused.Message.ShouldNotContain("<");
    }

    [Fact]
    public async Task A_redirect_is_not_followed_with_the_token()
    {
        meta.Inject(MetaFault.Html(307) with { Location = $"{meta.BaseUrl}/v26.0/666/events", Times = 1 });

        (await SendOneAsync()).ShouldBeOfType<MetaAnswer.Refused>().HttpStatus.ShouldBe(307);

        meta.Requests.ShouldBe(1);
    }

    [Fact]
    public async Task Truncated_JSON_confirms_nothing_and_the_next_attempt_is_a_duplicate_of_the_first()
    {
        meta.Inject(MetaFault.TruncatedJson() with { AcceptFirst = true, Times = 1 });

        var refused = (await SendOneAsync()).ShouldBeOfType<MetaAnswer.Refused>();
        (refused.Class, refused.HttpStatus).ShouldBe((ErrorClass.Transient, 200));
        (await SendOneAsync()).ShouldBeOfType<MetaAnswer.Accepted>();

        (meta.ReceivedCount, meta.Duplicates, meta.Received[0].Times).ShouldBe((1, 1, 2));
    }

    [Fact]
    public async Task An_endless_answer_is_not_read_to_its_end()
    {
        meta.Inject(MetaFault.HugeBody());

        (await SendOneAsync()).ShouldBeOfType<MetaAnswer.Refused>().Class.ShouldBe(ErrorClass.Transient);
    }

    [Fact]
    public async Task Fewer_events_received_than_sent_confirm_none()
    {
        meta.Inject(MetaFault.FewerReceived(missing: 1) with { Times = 1 });
        CapiEvent[] events = [EventOf("A", Noon), EventOf("B", Noon)];

        var refused = (await Client.SendAsync(Pixel, events, CancellationToken.None)).ShouldBeOfType<MetaAnswer.Refused>();

        (refused.Class, refused.HttpStatus, refused.Message).ShouldBe((ErrorClass.Transient, 200, "events_received is 1 of 2."));
        refused.FbTraceId.ShouldNotBeNullOrEmpty();
    }

    [Theory]
    [InlineData(MetaFaultKind.Reset)]
    [InlineData(MetaFaultKind.CutBody)]
    public async Task A_broken_connection_is_no_answer(MetaFaultKind kind)
    {
        meta.Inject(new MetaFault { Kind = kind, AcceptFirst = true });

        (await SendOneAsync()).ShouldBeOfType<MetaAnswer.NoAnswer>().Error.ShouldNotBeEmpty();
    }

    [Fact]
    public async Task Silence_is_no_answer_after_the_timeout()
    {
        meta.Inject(MetaFault.Hang());
        using var hasty = Host(meta.BaseUrl, timeoutSeconds: "0.2");

        var answer = await hasty.Services.GetRequiredService<MetaClient>().SendAsync(Pixel, [EventOf("A", Noon)], CancellationToken.None);

        answer.ShouldBeOfType<MetaAnswer.NoAnswer>().Error.ShouldBe("No answer within 0.2 s.");
        answer.Latency.ShouldBeGreaterThan(TimeSpan.FromSeconds(0.1));
    }

    [Fact]
    public async Task Nobody_listening_is_no_answer()
    {
        // Bound, so that nobody else is given it, and not listened to.
        using var nobody = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        nobody.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using var lonely = Host($"http://{nobody.LocalEndPoint}", timeoutSeconds: "30");

        var answer = await lonely.Services.GetRequiredService<MetaClient>().SendAsync(Pixel, [EventOf("A", Noon)], CancellationToken.None);

        answer.ShouldBeOfType<MetaAnswer.NoAnswer>().Error.ShouldBe("No answer: ConnectionError.");
    }

    [Fact]
    public async Task A_caller_that_gives_up_is_told_so()
    {
        meta.Inject(MetaFault.Hang());
        using var stop = new CancellationTokenSource();

        var sending = Client.SendAsync(Pixel, [EventOf("A", Noon)], stop.Token);
        await meta.WaitForAsync(server => server.Requests == 1, Eventually.Patience);
        await stop.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(() => sending);
    }

    [Fact]
    public async Task An_app_that_asks_for_proof_of_its_secret_gets_it()
    {
        await using var strict = await MetaStandInServer.StartAsync(
            new MetaStandInOptions { Time = new StoppedClock(Noon), AppSecret = "the secret of the app" }
        );
        using var proving = Host(strict.BaseUrl, "30", new KeyValuePair<string, string?>("Meta:AppSecret", "the secret of the app"));
        using var silent = Host(strict.BaseUrl, "30");

        (await AskAsync(silent)).ShouldBeOfType<MetaAnswer.Refused>().Message.ShouldContain("appsecret_proof");
        (await AskAsync(proving)).ShouldBeOfType<MetaAnswer.Accepted>();

        static Task<MetaAnswer> AskAsync(IHost sender) =>
            sender.Services.GetRequiredService<MetaClient>().SendAsync(Pixel, [EventOf("A", Noon)], CancellationToken.None);
    }

    [Fact]
    public async Task One_bad_event_does_not_keep_the_others_from_Meta()
    {
        var bad = EventOf("bad", Noon);
        meta.Inject(MetaFault.Error(400, 100) with { EventId = bad.EventId });
        CapiEvent[] events = [.. Enumerable.Range(0, 20).Select(order => EventOf($"{order}", Noon)), bad];

        var verdicts = await Bisection.SendAsync(events, (batch, stop) => Client.SendAsync(Pixel, batch, stop), CancellationToken.None);

        verdicts.Where(verdict => verdict.Answer is MetaAnswer.Refused).Select(verdict => verdict.Event).ShouldBe([bad]);
        (meta.ReceivedCount, meta.Duplicates).ShouldBe((20, 0));
    }

    [Fact]
    public async Task Neither_token_nor_person_gets_into_the_logs()
    {
        meta.Inject(MetaFault.Error(400, 190) with { Times = 1 });

        await SendOneAsync();
        await SendOneAsync();

        logs.Lines.ShouldNotContain(line => line.Contains(Pixel.AccessToken, StringComparison.Ordinal));
        logs.Lines.ShouldNotContain(line => line.Contains(Hash("ana@example.com"), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Meta:BaseUrl", "graph.facebook.com")]
    [InlineData("Meta:ApiVersion", "26")]
    [InlineData("Meta:TimeoutSeconds", "0")]
    public void A_senseless_setting_is_refused(string key, string value)
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection([new(key, value)]);
        builder.Services.AddMetaClient();
        using var wrong = builder.Build();

        Should
            .Throw<OptionsValidationException>(() => wrong.Services.GetRequiredService<IOptions<MetaOptions>>().Value)
            .Message.ShouldContain(key);
    }

    private Task<MetaAnswer> SendOneAsync() => Client.SendAsync(Pixel, [EventOf("A", Noon)], CancellationToken.None);

    private IHost Host(string baseUrl, string timeoutSeconds, params KeyValuePair<string, string?>[] more)
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection([new("Meta:BaseUrl", baseUrl), new("Meta:TimeoutSeconds", timeoutSeconds), .. more]);
        builder.Logging.SetMinimumLevel(LogLevel.Trace).AddProvider(logs);
        builder.Services.AddMetaClient();
        return builder.Build();
    }

    private static class ErrorName
    {
        public const string Transient = "transient";
        public const string Throttled = "throttled";
        public const string Token = "token";
        public const string Permission = "permission";
        public const string Permanent = "permanent";
    }

    private sealed class LogCatcher : ILoggerProvider, ILogger
    {
        public System.Collections.Concurrent.ConcurrentQueue<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) => Lines.Enqueue(formatter(state, exception));

        public void Dispose() { }
    }
}
