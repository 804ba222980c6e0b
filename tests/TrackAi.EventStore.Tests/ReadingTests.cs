using System.Text;

namespace TrackAi.EventStore.Tests;

/// <summary>How lenient the JSON of an event is read.</summary>
public sealed class ReadingTests
{
    public sealed record Parcel(string Name, decimal Weight, Size? Size, IReadOnlyList<string> Notes, Label? Label)
    {
        public DateTimeOffset? SentAt { get; init; }
    }

    public enum Size
    {
        Small,
        Large,
    }

    public sealed record Label(string Text, int Lines = 3);

    /// <summary>Its property cannot be set.</summary>
    public sealed record Shout(string Text)
    {
        public string Text { get; } = Text.ToUpperInvariant();
    }

    /// <summary>It has something that only its constructor fills.</summary>
    public sealed record Measured(string Text)
    {
        private readonly int length = Text.Length;

        public int Length => length;
    }

    private static readonly EventSerializer Serializer = new([typeof(Parcel), typeof(Shout), typeof(Measured)]);

    [Fact]
    public void What_is_missing_or_null_is_null_or_zero_and_names_are_read_in_any_case()
    {
        Read("parcel", "{}").ShouldBe(new Parcel(null!, 0, null, null!, null));
        Read("parcel", """{"name":null,"size":null,"notes":null,"label":null,"sentAt":null}""")
            .ShouldBe(new Parcel(null!, 0, null, null!, null));
        Read("parcel", """{"NAME":"box","Weight":"2.5","size":"Large","extra":{"a":[1]},"sentAt":"2026-01-01T00:00:00Z"}""")
            .ShouldBe(new Parcel("box", 2.5m, Size.Large, null!, null) { SentAt = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero) });
    }

    [Fact]
    public void A_parameter_with_a_value_of_its_own_has_it_where_it_is_missing() =>
        Read("parcel", """{"label":{"text":"fragile"}}""").ShouldBe(new Parcel(null!, 0, null, null!, new Label("fragile", 3)));

    [Fact]
    public void A_property_that_cannot_be_set_is_given_by_the_constructor() =>
        Read("shout", """{"text":"hello"}""").ShouldBe(new Shout("hello"));

    [Fact]
    public void What_a_constructor_fills_besides_its_properties_is_filled() =>
        Read("measured", """{"text":"hello"}""").ShouldBeOfType<Measured>().Length.ShouldBe(5);

    [Theory]
    [InlineData("""{"weight":null}""", "$.weight")]
    [InlineData("""{"weight":"much"}""", "$.weight")]
    [InlineData("""{"size":"Huge"}""", "$.size")]
    [InlineData("""{"label":{"lines":"x"}}""", "$.label.lines")]
    public void What_does_not_fit_is_named_by_where_it_is(string json, string path) =>
        Should
            .Throw<UnreadableEventException>(() => Read("parcel", json))
            .Message.ShouldBe($"Event 7 of type 'parcel' does not fit Parcel at {path}.");

    private static object Read(string alias, string json) => Serializer.Deserialize(7, alias, Encoding.UTF8.GetBytes(json));
}
