using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace TrackAi.EventStore.Reading;

/// <summary>The members that events of one type are asked for, in their order: Postgres looks for no others.</summary>
internal sealed class AskedMembers
{
    private readonly EventMember[] members;
    private readonly string[][] paths;
    private readonly int[] places;

    public AskedMembers(IEnumerable<EventMember> asked)
    {
        members = [.. asked.Where(member => member.IsAsked)];
        paths = [.. members.Select(member => member.Path.Split('.'))];
        places = new int[members.Select(member => member.Index + 1).DefaultIfEmpty(0).Max()];
        Array.Fill(places, -1);
        for (var place = 0; place < members.Length; place++)
            places[members[place].Index] = place;
    }

    public int Count => members.Length;

    /// <summary>Their texts, as an array in SQL.</summary>
    public string Sql =>
        $"array[{string.Join(", ", paths.Select(path => $"e.data{string.Concat(path[..^1].Select(step => $"->'{step}'"))}->>'{path[^1]}'"))}]::text[]";

    public int PlaceOf(EventMember member) =>
        member.Index < places.Length && places[member.Index] is >= 0 and var place
            ? place
            : throw new InvalidOperationException($"{member.Path} is read of an event whose type is not asked for it.");

    /// <summary>Out of an event in memory.</summary>
    public byte[]?[] Of(RecordedEvent recorded)
    {
        try
        {
            using var document = JsonDocument.Parse(recorded.Json);
            return [.. paths.Select(path => TextAt(document.RootElement, path))];
        }
        catch (JsonException exception)
        {
            throw new UnreadableEventException($"Event {recorded.Sequence} of type '{recorded.Type}' is no JSON.", exception)
            {
                Sequence = recorded.Sequence,
            };
        }
    }

    // As Postgres' ->> has it.
    private static byte[]? TextAt(JsonElement element, string[] path)
    {
        foreach (var step in path)
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(step, out element))
                return null;
        return element.ValueKind switch
        {
            JsonValueKind.Null or JsonValueKind.Undefined => null,
            JsonValueKind.String => Encoding.UTF8.GetBytes(element.GetString()!),
            _ => JsonMarshal.GetRawUtf8Value(element).ToArray(),
        };
    }
}
