using Npgsql;

namespace TrackAi.EventStore.Tests;

public sealed class DataSourceTests
{
    [Fact]
    public async Task A_plain_connection_string_gets_the_settings_the_store_is_fast_with()
    {
        await using var source = EventStoreModule.CreateDataSource("Host=localhost;Database=x");
        var settings = new NpgsqlConnectionStringBuilder(source.ConnectionString);

        settings.NoResetOnClose.ShouldBeTrue("a reset at each checkout drops the cached plans");
        settings.MaxAutoPrepare.ShouldBe(200);
        settings.AutoPrepareMinUsages.ShouldBe(2);
        settings.ApplicationName.ShouldBe("TrackAi");
        settings.Timeout.ShouldBe(5);
    }

    [Theory]
    [InlineData("Host=localhost;No Reset On Close=false;Max Auto Prepare=7;Application Name=mine;Timeout=3")]
    [InlineData("host=localhost;noresetonclose=false;maxautoprepare=7;applicationname=mine;TIMEOUT=3")]
    public async Task What_the_connection_string_says_is_kept(string given)
    {
        await using var source = EventStoreModule.CreateDataSource(given);
        var settings = new NpgsqlConnectionStringBuilder(source.ConnectionString);

        settings.NoResetOnClose.ShouldBeFalse();
        settings.MaxAutoPrepare.ShouldBe(7);
        settings.ApplicationName.ShouldBe("mine");
        settings.Timeout.ShouldBe(3);
    }
}
