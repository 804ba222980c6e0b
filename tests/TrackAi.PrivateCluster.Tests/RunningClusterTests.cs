using Npgsql;
using TrackAi.Testing;

namespace TrackAi.PrivateCluster.Tests;

/// <summary>A cluster with the settings the product runs on.</summary>
public sealed class RunningCluster : IAsyncLifetime
{
    readonly DataDirectory _directory = new();
    PrivateCluster? _cluster;

    public string ConnectionString => _cluster!.ConnectionString;
    public string Data => _cluster!.ServerDirectory;

    public async ValueTask InitializeAsync() =>
        _cluster = await PrivateCluster.StartOrAttachAsync(new PrivateClusterOptions { DataDirectory = _directory.Path });

    public async ValueTask DisposeAsync()
    {
        if (_cluster is not null)
            await _cluster.DisposeAsync();
        _directory.Dispose();
    }
}

public sealed class RunningClusterTests(RunningCluster cluster) : IClassFixture<RunningCluster>
{
    [Theory]
    [InlineData("fsync", "on")]
    [InlineData("synchronous_commit", "on")]
    [InlineData("full_page_writes", "on")]
    [InlineData("listen_addresses", "127.0.0.1")]
    [InlineData("unix_socket_directories", "")]
    [InlineData("timezone", "UTC")]
    [InlineData("server_encoding", "UTF8")]
    public async Task A_setting_is(string name, string value) =>
        (await Sql.AskAsync(cluster.ConnectionString, $"show {name}")).ShouldBe(value);

    [Fact]
    public void The_connection_is_to_loopback_and_the_products_database()
    {
        var connection = new NpgsqlConnectionStringBuilder(cluster.ConnectionString);
        connection.Host.ShouldBe("127.0.0.1");
        connection.Database.ShouldBe("trackai");
    }

    [Fact]
    public async Task The_server_does_not_run_as_root()
    {
        var status = await Sql.AskAsync(cluster.ConnectionString, "select pg_read_file('/proc/self/status')");
        status!.Split('\n').Single(line => line.StartsWith("Uid:", StringComparison.Ordinal)).ShouldNotContain("\t0\t");
    }

    [Fact]
    public void The_server_has_a_session_of_its_own_that_ctrl_c_in_the_terminal_does_not_reach()
    {
        var server = Postmaster.Read(cluster.Data).ShouldNotBeNull();
        const int GroupField = 2;
        const int SessionField = 3;
        var fields = File.ReadAllText($"/proc/{server.ProcessId}/stat").Split(") ")[1].Split(' ');
        fields[GroupField].ShouldBe($"{server.ProcessId}");
        fields[SessionField].ShouldBe($"{server.ProcessId}");
    }

    [Fact]
    public async Task The_server_does_not_inherit_the_hosts_environment()
    {
        var environment = await Sql.AskAsync(
            cluster.ConnectionString,
            "select encode(pg_read_binary_file('/proc/self/environ'), 'escape')"
        );
        environment.ShouldNotBeNull().ShouldNotContain("DOTNET");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("guessed")]
    public async Task Without_the_password_nobody_gets_in(string? password)
    {
        var stranger = new NpgsqlConnectionStringBuilder(cluster.ConnectionString) { Password = password };
        await Should.ThrowAsync<NpgsqlException>(() => Sql.AskAsync(stranger.ConnectionString, "select 1"));
    }

    [Fact]
    public void The_password_is_readable_by_its_owner_only() =>
        File.GetUnixFileMode(Path.Combine(cluster.Data, "..", "password")).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);

    [Theory]
    [InlineData("select 'ana@example.com'::int")]
    [InlineData("create table buyer (email text primary key); insert into buyer values ('ana@example.com'), ('ana@example.com')")]
    [InlineData("do $$ begin raise warning 'ana@example.com'; end $$; select 1/0 -- ana@example.com")]
    public async Task The_servers_log_holds_nothing_of_a_failed_statement(string sql)
    {
        await Should.ThrowAsync<PostgresException>(() => Sql.AskAsync(cluster.ConnectionString, sql));
        (await File.ReadAllTextAsync(Path.Combine(cluster.Data, "server.log"))).ShouldNotContain("ana@");
    }

    [Fact]
    public async Task Letters_beyond_ascii_know_their_case() =>
        (await Sql.AskAsync(cluster.ConnectionString, "select lower('JOÃO')")).ShouldBe("joão");
}

public sealed class KilledServerTests
{
    [Fact]
    public async Task A_server_that_is_killed_under_a_running_program_comes_back_by_itself_where_it_was_with_what_it_had()
    {
        using var directory = new DataDirectory();
        await using var cluster = await PrivateCluster.StartOrAttachAsync(directory.Options);
        await Sql.AskAsync(cluster.ConnectionString, "create table kept as select 42 as answer");
        var killed = Postmaster.Read(cluster.ServerDirectory).ShouldNotBeNull().ProcessId;

        using (var server = System.Diagnostics.Process.GetProcessById(killed))
            server.Kill();

        await Eventually.TrueAsync(
            async () => Postmaster.Read(cluster.ServerDirectory)?.ProcessId != killed && await Sql.AnswersAsync(cluster.ConnectionString),
            "it comes back",
            TimeSpan.FromMinutes(1)
        );
        (await Sql.AskAsync(cluster.ConnectionString, "select answer from kept")).ShouldBe("42");
    }
}
