using System.Text.Json;
using TrackAi.Contracts;
using TrackAi.Privacy.Normalising;

namespace TrackAi.Privacy.Tests;

/// <param name="Normalised">What is hashed; nothing where the value is dropped or came hashed.</param>
/// <param name="Differs">Why Meta's own library sends something else.</param>
internal sealed record PublishedVector(
    string Field,
    string Input,
    string? Country,
    IReadOnlyList<string> Normalised,
    IReadOnlyList<string> Sha256,
    string? Differs
)
{
    /// <summary>docs/vectors/normalisation.json, which others check their own code against.</summary>
    public static IReadOnlyList<PublishedVector> All { get; } = Read();

    public IReadOnlyList<string> Sent => Sender.Send(Field, Input, Country);

    public override string ToString() => $"{Field} '{Input}'";

    private static PublishedVector[] Read()
    {
        using var file = typeof(PublishedVector).Assembly.GetManifestResourceStream("normalisation.json")!;
        using var document = JsonDocument.Parse(file);
        return document.RootElement.GetProperty("vectors").Deserialize<PublishedVector[]>(JsonSerializerOptions.Web)!;
    }
}

/// <summary>What is sent of one value, by Meta's name of the field.</summary>
internal static class Sender
{
    public static IReadOnlyList<string> Send(string field, string input, string? country = null)
    {
        return field switch
        {
            "em" => Protect(new() { Email = input }).Em,
            "ph" => Protect(new() { Phone = input, Country = country }).Ph,
            "fn" => Protect(new() { FirstName = input }).Fn,
            "ln" => Protect(new() { LastName = input }).Ln,
            "ct" => Protect(new() { City = input }).Ct,
            "st" => Protect(new() { State = input, Country = country }).St,
            "zp" => Protect(new() { Zip = input, Country = country }).Zp,
            "country" => Protect(new() { Country = input }).Country,
            "db" => Protect(new() { BirthDate = input }).Db,
            "ge" => Protect(new() { Gender = input }).Ge,
            "external_id" => Protect(new() { ExternalId = input }).ExternalId,
            _ => throw new ArgumentOutOfRangeException(nameof(field), field, "unknown field"),
        };

        static ProtectedPerson Protect(Person person) => Normalised.From(person).Person;
    }
}
