using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace TrackAi.EventStore.Tests;

public sealed class OptionsTests
{
    public static TheoryData<string> Numbers => [.. OfType<int>()];

    public static TheoryData<string> Times => [.. OfType<TimeSpan>()];

    [Theory]
    [MemberData(nameof(Numbers))]
    public void A_number_of_nothing_is_refused_by_name(string name) =>
        Failures((name, "0")).ShouldContain(one => one.StartsWith($"EventStore:{name} "));

    [Theory]
    [MemberData(nameof(Times))]
    public void A_time_below_nothing_is_refused_by_name(string name) =>
        Failures((name, "-00:00:01")).ShouldContain(one => one.StartsWith($"EventStore:{name} "));

    [Theory]
    [InlineData("LeaseRenewal", "00:00:03")]
    [InlineData("LeaseTime", "00:00:01")]
    public void Leases_are_renewed_before_they_run_out(string name, string value) =>
        Failures((name, value))
            .ShouldHaveSingleItem()
            .ShouldStartWith("EventStore:LeaseRenewal must be less than LeaseTime, which is 00:00:0");

    [Fact]
    public void There_are_no_fewer_writers_at_most_than_usually() =>
        Failures(("Writers", "9")).ShouldHaveSingleItem().ShouldBe("EventStore:MaxWriters must be at least Writers, which is 9.");

    [Fact]
    public void What_is_left_out_and_what_switches_off_is_right()
    {
        Failures().ShouldBeEmpty();
        Failures(("LongestYield", "0"), ("RetryTime", "0"), ("RunDaemon", "false")).ShouldBeEmpty();
    }

    private static IEnumerable<string> Failures(params (string Name, string Value)[] settings)
    {
        using var services = new ServiceCollection()
            .AddSingleton<IConfiguration>(
                new ConfigurationBuilder()
                    .AddInMemoryCollection(settings.Select(one => KeyValuePair.Create($"EventStore:{one.Name}", (string?)one.Value)))
                    .Build()
            )
            .AddEventStore(static _ => "Host=nowhere", [])
            .BuildServiceProvider();
        try
        {
            _ = services.GetRequiredService<EventStoreOptions>();
            return [];
        }
        catch (OptionsValidationException invalid)
        {
            return invalid.Failures;
        }
    }

    private static IEnumerable<string> OfType<T>() =>
        typeof(EventStoreOptions).GetProperties().Where(property => property.PropertyType == typeof(T)).Select(property => property.Name);
}
