using System.Collections;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Architecture.Tests;

/// <summary>Events are stored for ever: what was written once must be read by every later version.</summary>
public sealed class EventTests
{
    private static readonly string Samples = Path.Combine(Repository.Root, "tests", "TrackAi.Architecture.Tests", "Events");

    private static readonly EventSerializer Serializer = new(EventTypes.All, EventTypes.Metadata);

    public static TheoryData<string> Aliases => [.. EventTypes.All.Select(EventSerializer.AliasOf)];

    [Fact]
    public void Events_are_sealed_and_immutable() =>
        EventTypes.All.Where(type => !type.IsSealed || type.GetProperties().Any(IsMutable)).Select(type => type.Name).ShouldBeEmpty();

    [Fact]
    public void No_two_events_share_a_stored_name() => EventTypes.All.Select(EventSerializer.AliasOf).ShouldBeUnique();

    [Fact]
    public void A_stored_name_never_goes_away() =>
        Repository.ShouldBeAsCommitted(
            EventTypes.All.Select(EventSerializer.AliasOf).Order(StringComparer.Ordinal),
            "StoredEventTypes.txt",
            "A new event adds a line; a line never leaves."
        );

    [Fact]
    public void A_word_of_a_stored_enumeration_never_goes_away() =>
        Repository.ShouldBeAsCommitted(
            EventTypes
                .All.SelectMany(EnumerationsIn)
                .Distinct()
                .SelectMany(type => Enum.GetNames(type).Select(word => $"{type.Name}.{word}"))
                .Order(StringComparer.Ordinal),
            "StoredWords.txt",
            "Enumerations are stored by their words. A new word adds a line; a line never leaves."
        );

    [Theory]
    [MemberData(nameof(Aliases))]
    public void What_was_stored_is_read_and_means_the_same(string alias)
    {
        var path = Path.Combine(Samples, $"{alias}.json");
        File.Exists(path).ShouldBeTrue($"commit a sample of the stored JSON as {Repository.Shown(path)}, with every property in it");
        var stored = File.ReadAllText(path);

        var read = Read(alias, stored);

        read.GetType().ShouldBe(EventTypes.All.Single(type => EventSerializer.AliasOf(type) == alias));
        var again = Encoding.UTF8.GetString(Serializer.Serialize(read));
        JsonElement
            .DeepEquals(JsonElement.Parse(again), JsonElement.Parse(stored))
            .ShouldBeTrue($"stored as\n{stored}\nread and written again it is\n{again}");
    }

    [Theory]
    [MemberData(nameof(Aliases))]
    public void The_sample_of_a_stored_event_has_every_property(string alias)
    {
        var type = EventTypes.All.Single(one => EventSerializer.AliasOf(one) == alias);
        var sample = JsonElement.Parse(File.ReadAllText(Path.Combine(Samples, $"{alias}.json")));

        type.GetProperties()
            .Select(property => JsonNamingPolicy.CamelCase.ConvertName(property.Name))
            .Except(sample.EnumerateObject().Select(member => member.Name))
            .ShouldBeEmpty("what the sample leaves out nobody notices when it breaks");
    }

    [Fact]
    public void Every_event_is_known_to_the_serializer_when_it_is_compiled() =>
        EventTypes.All.Where(type => EventTypes.Metadata.GetTypeInfo(type, JsonSerializerOptions.Web) is null).ShouldBeEmpty();

    // A property that came later is missing in what was stored before. Reading gives it no initial value.
    [Theory]
    [MemberData(nameof(Aliases))]
    public void A_property_that_came_later_has_no_initial_value(string alias)
    {
        var type = EventTypes.All.Single(one => EventSerializer.AliasOf(one) == alias);
        var parameters = type.GetConstructors()
            .Single()
            .GetParameters()
            .Select(parameter => parameter.Name)
            .ToHashSet(StringComparer.Ordinal);
        var stored = JsonNode.Parse(File.ReadAllText(Path.Combine(Samples, $"{alias}.json")))!.AsObject();
        foreach (var later in type.GetProperties().Where(property => !parameters.Contains(property.Name)))
            stored.Remove(JsonNamingPolicy.CamelCase.ConvertName(later.Name));

        var constructed = stored.Deserialize(type, Plain).ShouldNotBeNull();

        Said(Read(alias, stored.ToJsonString())).ShouldBe(Said(constructed));

        string Said(object data) => Encoding.UTF8.GetString(Serializer.Serialize(data));
    }

    // Reading sets properties and calls no constructor.
    [Theory]
    [MemberData(nameof(Aliases))]
    public void Whatever_is_missing_is_read_as_the_constructor_would_have_it(string alias)
    {
        var type = EventTypes.All.Single(one => EventSerializer.AliasOf(one) == alias);
        var sample = File.ReadAllText(Path.Combine(Samples, $"{alias}.json"));
        foreach (var member in JsonNode.Parse(sample)!.AsObject().Select(pair => pair.Key))
        {
            var stored = JsonNode.Parse(sample)!.AsObject();
            stored.Remove(member);

            Serializer
                .Serialize(Read(alias, stored.ToJsonString()))
                .ShouldBe(Serializer.Serialize(stored.Deserialize(type, Plain).ShouldNotBeNull()), $"without {member}");
        }
    }

    [Fact]
    public void A_campaign_tells_every_tracking_field_it_is_stored_with()
    {
        var all = new Campaign("1", "2", "3", "4", "5", "6", "7", "8");

        all.Fields()
            .ShouldBe(
                typeof(Campaign)
                    .GetProperties()
                    .Select(field => (JsonNamingPolicy.SnakeCaseLower.ConvertName(field.Name), (string?)field.GetValue(all)))
            );
    }

    [Fact]
    public void An_event_from_a_later_version_with_more_in_it_is_still_read() =>
        Read("tenant_activated", """{"slug":"acme","activatedAt":"2026-11-05T15:30:00+00:00","somethingNew":{"a":[1]}}""")
            .ShouldBe(new TenantActivated("acme", new DateTimeOffset(2026, 11, 5, 15, 30, 0, TimeSpan.Zero)));

    // Calls constructors.
    private static readonly JsonSerializerOptions Plain = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter() },
    };

    private static object Read(string alias, string json) =>
        new RecordedEvent(
            Serializer,
            1,
            Guid.Empty,
            new StreamId("acme", "stream"),
            1,
            alias,
            Encoding.UTF8.GetBytes(json),
            DateTimeOffset.UnixEpoch,
            null,
            null
        ).Data;

    private static IEnumerable<Type> EnumerationsIn(Type type)
    {
        var plain = Nullable.GetUnderlyingType(type) ?? type;
        return plain.IsEnum ? [plain]
            : plain.IsGenericType ? plain.GetGenericArguments().SelectMany(EnumerationsIn)
            : plain.Assembly == typeof(EventTypes).Assembly
                ? plain.GetProperties().SelectMany(property => EnumerationsIn(property.PropertyType))
            : [];
    }

    private static bool IsMutable(PropertyInfo property) =>
        (property.SetMethod is { } setter && !setter.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)))
        || typeof(IList).IsAssignableFrom(property.PropertyType)
        || typeof(IDictionary).IsAssignableFrom(property.PropertyType);
}
