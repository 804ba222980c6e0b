using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace TrackAi.EventStore.Tests;

/// <summary>A commit whose answer is lost on the way: the hardest thing to be told honestly.</summary>
public sealed class LostAnswerTests(OrdersDatabase database) : IClassFixture<OrdersDatabase>
{
    [Fact]
    public async Task An_append_guarded_by_a_version_is_told_that_it_was_its_own_commit()
    {
        await using var wire = await WireAsync();

        var result = await wire.AppendThroughALostAnswerAsync(
            new Append(Orders.Stream("lost-version"), [new OrderPlaced("Ana", 1), new OrderPaid(1)]) { ExpectedVersion = 0 }
        );

        var appended = result.ShouldBeOfType<AppendResult.Appended>();
        appended.Version.ShouldBe(2);
        appended.Sequence.ShouldBe(
            await database.ScalarAsync<long>("select min(seq_id) from mt_events where stream_id = 'order-lost-version'")
        );
        (await database.ScalarAsync<long>("select count(*) from mt_events where stream_id = 'order-lost-version'")).ShouldBe(2);
    }

    [Fact]
    public async Task An_append_guarded_by_a_key_is_told_that_it_was_its_own_commit()
    {
        await using var wire = await WireAsync();

        var result = await wire.AppendThroughALostAnswerAsync(
            new Append(Orders.Stream("lost-key"), [new OrderPlaced("Ana", 1)]) { UniqueKeys = ["delivery:lost"] }
        );

        result.ShouldBeOfType<AppendResult.Appended>().Version.ShouldBe(1);
        (await database.ScalarAsync<long>("select count(*) from mt_events where stream_id = 'order-lost-key'")).ShouldBe(1);
    }

    [Fact]
    public async Task An_append_without_a_guard_is_told_that_nobody_knows_and_is_never_done_twice()
    {
        await using var wire = await WireAsync();

        await Should.ThrowAsync<EventStoreUnavailableException>(
            wire.AppendThroughALostAnswerAsync(new Append(Orders.Stream("lost-bare"), [new OrderPlaced("Ana", 1)]))
        );

        (await database.ScalarAsync<long>("select count(*) from mt_events where stream_id = 'order-lost-bare'")).ShouldBe(1);
    }

    private async Task<Wire> WireAsync()
    {
        var wire = new Wire(database.ConnectionString);
        // A warm connection, so that the answer that is lost is the append's.
        await wire.Store.AppendAsync(new Append(Orders.Stream($"warm-{wire.Proxy.Port}"), [new OrderNoted("warm")]));
        return wire;
    }

    private sealed class Wire : IAsyncDisposable
    {
        private readonly IHost host;

        public Wire(string connectionString)
        {
            var direct = new NpgsqlConnectionStringBuilder(connectionString);
            Proxy = new SeveringProxy(cancellationToken => ConnectAsync(direct, cancellationToken));
            var through = new NpgsqlConnectionStringBuilder(connectionString) { Host = "127.0.0.1", Port = Proxy.Port };

            var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
            builder.Services.AddEventStore(_ => through.ConnectionString, Orders.Types);
            host = builder.Build();
        }

        public SeveringProxy Proxy { get; }

        public PostgresEventStore Store => host.Services.GetRequiredService<PostgresEventStore>();

        public async Task<AppendResult> AppendThroughALostAnswerAsync(Append append)
        {
            Proxy.LoseNextAnswers();
            try
            {
                return await Store.AppendAsync(append);
            }
            finally
            {
                Proxy.Severed.ShouldBe(1, "the answer was lost, so the test tests something");
            }
        }

        public async ValueTask DisposeAsync()
        {
            await ((IAsyncDisposable)host).DisposeAsync();
            await Proxy.DisposeAsync();
        }

        private static async Task<Stream> ConnectAsync(NpgsqlConnectionStringBuilder to, CancellationToken cancellationToken)
        {
            var isFile = to.Host!.StartsWith('/');
            var socket = new Socket(
                isFile ? AddressFamily.Unix : AddressFamily.InterNetwork,
                SocketType.Stream,
                isFile ? ProtocolType.Unspecified : ProtocolType.Tcp
            );
            if (isFile)
                await socket.ConnectAsync(new UnixDomainSocketEndPoint($"{to.Host}/.s.PGSQL.{to.Port}"), cancellationToken);
            else
                await socket.ConnectAsync(to.Host, to.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
    }
}
