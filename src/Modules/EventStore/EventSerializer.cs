using System.Collections.Frozen;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;

namespace TrackAi.EventStore;

/// <summary>
/// Events to JSON and back, the way Marten reads it with <c>UseSystemTextJsonForSerialization(EnumStorage.AsString, Casing.CamelCase)</c>.
/// </summary>
public sealed partial class EventSerializer
{
    private readonly JsonSerializerOptions read;
    private readonly JsonSerializerOptions write;
    private readonly FrozenDictionary<Type, EventName> names;
    private readonly FrozenDictionary<string, Type> types;

    /// <param name="metadata">
    /// What a <see cref="JsonSerializerContext"/> was told of these types when it was compiled, in order to write them; a type it does not have is looked into at
    /// run time.
    /// </param>
    public EventSerializer(IEnumerable<Type> eventTypes, IJsonTypeInfoResolver? metadata = null)
    {
        read = new(JsonSerializerDefaults.Web)
        {
            Converters = { new JsonStringEnumConverter() },
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            RespectRequiredConstructorParameters = false,
            TypeInfoResolver = new DefaultJsonTypeInfoResolver().WithAddedModifier(FillByProperty),
        };
        write = new(read)
        {
            Converters = { new TextConverter() },
            TypeInfoResolver = JsonTypeInfoResolver
                .Combine(metadata, new DefaultJsonTypeInfoResolver())
                .WithAddedModifier(OrderAsJsonbDoes),
        };
        names = eventTypes.ToFrozenDictionary(
            type => type,
            type => new EventName(AliasOf(type), $"{type.FullName}, {type.Assembly.GetName().Name}")
        );
        types = names.ToFrozenDictionary(pair => pair.Value.Alias, pair => pair.Key, StringComparer.Ordinal);
    }

    /// <summary>Marten's "ClassicTypeName": the bare name, split at word and acronym boundaries, in lower case.</summary>
    public static string AliasOf(Type type) => WordBoundary().Replace(type.Name, "_").ToLowerInvariant();

    public EventName NameOf(Type type) =>
        names.TryGetValue(type, out var name)
            ? name
            : throw new InvalidAppendException($"{type} is not a registered event type; add it to the types given to AddEventStore.");

    public byte[] Serialize(object data) => JsonSerializer.SerializeToUtf8Bytes(data, data.GetType(), write);

    internal object Deserialize(long sequence, string alias, ReadOnlySpan<byte> json)
    {
        if (!types.TryGetValue(alias, out var type))
            return new UnknownEvent(alias);
        try
        {
            return JsonSerializer.Deserialize(json, type, read)
                ?? throw new UnreadableEventException($"Event {sequence} of type '{alias}' is the JSON null.") { Sequence = sequence };
        }
        catch (JsonException exception)
        {
            throw new UnreadableEventException(
                $"Event {sequence} of type '{alias}' does not fit {type.Name} at {exception.Path}.",
                exception
            )
            {
                Sequence = sequence,
            };
        }
    }

    // A record's constructor is given its arguments in a list of objects, which is a third of the work of reading a sale; its properties can be set one by one as
    // they are read. One that is missing is null or zero, whatever an initialiser says: an event's later properties are nullable.
    private static void FillByProperty(JsonTypeInfo type)
    {
        var record = type.Type;
        if (
            type.ConstructorAttributeProvider is ConstructorInfo constructor
            && constructor.GetParameters() is { Length: > 0 } parameters
            && record.GetMethod("<Clone>$") is not null
            && parameters.All(parameter => !parameter.HasDefaultValue)
            && type.Properties.Count(property => property is { AssociatedParameter: not null, Set: not null }) == parameters.Length
            // Nothing in it that only a constructor fills.
            && record
                .GetFields(BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public)
                .All(field => field.IsDefined(typeof(CompilerGeneratedAttribute)))
            && record.BaseType == typeof(object)
        )
            type.CreateObject = () => RuntimeHelpers.GetUninitializedObject(record);
    }

    // By length, then by bytes: whoever sends them so saves Postgres the sorting, a tenth of what an event costs it.
    private static void OrderAsJsonbDoes(JsonTypeInfo type)
    {
        if (type.Kind != JsonTypeInfoKind.Object)
            return;
        var order = 0;
        foreach (
            var property in type
                .Properties.OrderBy(property => Encoding.UTF8.GetByteCount(property.Name))
                .ThenBy(property => property.Name, StringComparer.Ordinal)
        )
            property.Order = order++;
    }

    // Postgres stores no NUL in jsonb; a hostile one must not cost its neighbours their batch.
    private sealed class TextConverter : JsonConverter<string>
    {
        public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetString();

        public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
            writer.WriteStringValue(
                value.Contains('\0', StringComparison.Ordinal) ? value.Replace("\0", "", StringComparison.Ordinal) : value
            );
    }

    // After a lower-case letter that none follows, and before the last capital of an acronym.
    [GeneratedRegex(@"(?<=\p{Ll})(?=\P{Ll})|(?<=\P{Ll})(?=\P{Ll}\p{Ll})", RegexOptions.None, 1000)]
    private static partial Regex WordBoundary();
}

/// <param name="Alias">Marten's <c>type</c>.</param>
/// <param name="DotnetType">Marten's <c>mt_dotnet_type</c>.</param>
public readonly record struct EventName(string Alias, string DotnetType);
