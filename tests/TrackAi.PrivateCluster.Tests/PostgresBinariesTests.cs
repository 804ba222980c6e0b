namespace TrackAi.PrivateCluster.Tests;

public sealed class PostgresBinariesTests
{
    [Fact]
    public async Task A_directory_without_the_programs_is_refused_by_name_and_remedy()
    {
        var missing = await Should.ThrowAsync<PostgresNotFoundException>(() =>
            PostgresBinaries.FindAsync("/nowhere", madeBy: null, default)
        );
        missing.Message.ShouldContain("/nowhere");
        missing.Message.ShouldContain("package postgresql");
        missing.Message.ShouldContain("TRACKAI_PG_BIN");
    }

    [Fact]
    public async Task A_cluster_is_opened_only_by_the_version_that_made_it()
    {
        var other = await Should.ThrowAsync<PostgresNotFoundException>(() => PostgresBinaries.FindAsync(chosen: null, madeBy: 8, default));
        other.Message.ShouldContain("made by PostgreSQL 8");
        other.Message.ShouldContain("postgresql-8");
    }

    [Theory]
    [InlineData(256L, "128MB")]
    [InlineData(4096L, "512MB")]
    [InlineData(65536L, "1024MB")]
    public void Shared_buffers_are_an_eighth_of_the_memory_within_bounds(long megabytes, string setting) =>
        ServerSettings.SharedBuffers(megabytes * 1024 * 1024).ShouldBe(setting);
}
