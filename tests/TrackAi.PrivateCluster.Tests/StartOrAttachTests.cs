using System.Diagnostics;
using System.Globalization;

namespace TrackAi.PrivateCluster.Tests;

public sealed class StartOrAttachTests : IDisposable
{
    readonly DataDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task What_was_stored_is_there_after_a_restart()
    {
        await using (var first = await StartAsync())
            await Sql.AskAsync(first.ConnectionString, "create table sale as select 49.90 as amount");
        await using var second = await StartAsync();
        (await Sql.AskAsync(second.ConnectionString, "select amount from sale")).ShouldBe(49.90m.ToString(CultureInfo.CurrentCulture));
    }

    [Fact]
    public async Task A_second_host_attaches_and_the_last_to_leave_stops_the_server()
    {
        var first = await StartAsync();
        var second = await StartAsync();
        second.ConnectionString.ShouldBe(first.ConnectionString);

        await first.DisposeAsync();
        (await Sql.AnswersAsync(second.ConnectionString)).ShouldBeTrue();

        await second.DisposeAsync();
        (await Sql.AnswersAsync(second.ConnectionString)).ShouldBeFalse();
        File.Exists(Postmaster.FileOf(_directory.Data)).ShouldBeFalse();
    }

    [Fact]
    public async Task Leaving_twice_is_leaving_once()
    {
        var first = await StartAsync();
        await using var second = await StartAsync();
        await first.DisposeAsync();
        await first.DisposeAsync();
        (await Sql.AnswersAsync(second.ConnectionString)).ShouldBeTrue();
    }

    [Fact]
    public async Task Hosts_that_start_at_once_share_one_server()
    {
        var hosts = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => StartAsync()));
        hosts.Select(host => host.ConnectionString).Distinct(StringComparer.Ordinal).ShouldHaveSingleItem();
        (await Sql.AnswersAsync(hosts[0].ConnectionString)).ShouldBeTrue();
        await Task.WhenAll(hosts.Select(host => host.DisposeAsync().AsTask()));
        (await Sql.AnswersAsync(hosts[0].ConnectionString)).ShouldBeFalse();
    }

    [Fact]
    public async Task The_server_of_a_killed_host_is_taken_over()
    {
        var orphaned = await ServerWithoutMembersAsync();
        await using (var next = await StartAsync())
            Sql.Port(next.ConnectionString).ShouldBe(orphaned.Port);
        (await orphaned.RunsAsync(_directory.Data, default)).ShouldBeFalse();
    }

    [Fact]
    public async Task A_killed_server_is_started_anew_with_all_that_was_committed()
    {
        var killed = await ServerWithoutMembersAsync();
        await using (var host = await StartAsync())
        {
            await Sql.AskAsync(host.ConnectionString, "create table sale as select 1 as id");
            await KillAsync(killed);
        }
        await using var next = await StartAsync();
        (await Sql.AskAsync(next.ConnectionString, "select id from sale")).ShouldBe("1");
    }

    [Fact]
    public async Task A_pid_file_whose_number_is_another_process_by_now_is_stale()
    {
        var killed = await ServerWithoutMembersAsync();
        await KillAsync(killed);
        var pidFile = Postmaster.FileOf(_directory.Data);
        var lines = await File.ReadAllLinesAsync(pidFile);
        lines[0] = $"{Environment.ProcessId}";
        await File.WriteAllLinesAsync(pidFile, lines);

        await using var next = await StartAsync();
        (await Sql.AnswersAsync(next.ConnectionString)).ShouldBeTrue();
    }

    [Fact]
    public async Task A_pid_file_without_sense_is_stale()
    {
        await (await StartAsync()).DisposeAsync();
        await File.WriteAllTextAsync(Postmaster.FileOf(_directory.Data), "");
        await using var next = await StartAsync();
        (await Sql.AnswersAsync(next.ConnectionString)).ShouldBeTrue();
    }

    [Fact]
    public async Task A_creation_that_was_broken_off_is_begun_again()
    {
        var halfMade = Directory.CreateDirectory(Path.Combine(_directory.Home, "init-00c0ffee", "data"));
        await File.WriteAllTextAsync(Path.Combine(halfMade.FullName, "PG_VERSION"), "15\n");
        await File.WriteAllTextAsync(Path.Combine(_directory.Home, "password"), "of the creation that was broken off");

        await using var cluster = await StartAsync();
        (await Sql.AnswersAsync(cluster.ConnectionString)).ShouldBeTrue();
        Directory.GetDirectories(_directory.Home, "init-*").ShouldBeEmpty();
    }

    [Fact]
    public async Task A_start_that_fails_says_why_and_holds_nothing()
    {
        var impossible = _directory.Options with
        {
            Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["shared_buffers"] = "many" },
        };
        var failure = await Should.ThrowAsync<PrivateClusterException>(() => PrivateCluster.StartOrAttachAsync(impossible));
        failure.Message.ShouldContain("shared_buffers");

        await using var cluster = await StartAsync();
        (await Sql.AnswersAsync(cluster.ConnectionString)).ShouldBeTrue();
    }

    [Fact]
    public async Task A_directory_that_the_servers_account_cannot_reach_gets_its_cluster_elsewhere()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root runs the server as somebody else.");
        var closed = _directory.Options with { DataDirectory = Path.Combine(_directory.Path, "clone", ".trackai") };

        string server;
        await using (var cluster = await PrivateCluster.StartOrAttachAsync(closed))
        {
            server = cluster.ServerDirectory;
            server.ShouldStartWith("/var/lib/trackai/");
            (await Sql.AnswersAsync(cluster.ConnectionString)).ShouldBeTrue();
        }

        File.SetUnixFileMode(_directory.Path, File.GetUnixFileMode(_directory.Path) | UnixFileMode.OtherExecute);
        await using (var again = await PrivateCluster.StartOrAttachAsync(closed))
            again.ServerDirectory.ShouldBe(server);
        Directory.Delete(Path.GetDirectoryName(server)!, recursive: true);
    }

    Task<PrivateCluster> StartAsync() => PrivateCluster.StartOrAttachAsync(_directory.Options);

    /// <summary>What a host leaves that was killed: its server runs, its locks are gone.</summary>
    async Task<Postmaster> ServerWithoutMembersAsync()
    {
        var home = await ClusterHome.LocateAsync(_directory.Path, _directory.Options.Logger, default);
        await new ClusterServer(home, _directory.Options).EnsureRunningAsync(default);
        return Postmaster.Read(_directory.Data).ShouldNotBeNull();
    }

    async Task KillAsync(Postmaster server)
    {
        using var process = Process.GetProcessById(server.ProcessId);
        process.Kill();
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (await server.RunsAsync(_directory.Data, deadline.Token))
            await Task.Yield();
    }
}
