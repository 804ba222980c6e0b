using System.Text.Json;
using System.Text.Json.Serialization;
using TrackAi.Contracts;

namespace TrackAi.Privacy;

/// <summary>
/// A person as it is written into the protected part: <see cref="ProtectedPerson"/> with null for an empty list, because it is stored once for
/// every event. Names are Meta's; they are never changed.
/// </summary>
internal sealed class StoredPerson
{
    public string? Email { get; set; }
    public string? Phone { get; set; }
    public IReadOnlyList<string>? Em { get; set; }
    public IReadOnlyList<string>? Ph { get; set; }
    public IReadOnlyList<string>? Fn { get; set; }
    public IReadOnlyList<string>? Ln { get; set; }
    public IReadOnlyList<string>? Db { get; set; }
    public IReadOnlyList<string>? Ge { get; set; }
    public IReadOnlyList<string>? Ct { get; set; }
    public IReadOnlyList<string>? St { get; set; }
    public IReadOnlyList<string>? Zp { get; set; }
    public IReadOnlyList<string>? Country { get; set; }
    public IReadOnlyList<string>? ExternalId { get; set; }
    public string? IpAddress { get; set; }
    public string? UserAgent { get; set; }
    public string? Fbclid { get; set; }
    public string? Fbc { get; set; }
    public string? Fbp { get; set; }
    public string? EventSourceUrl { get; set; }

    public static byte[] Write(ProtectedPerson person) =>
        JsonSerializer.SerializeToUtf8Bytes(
            new StoredPerson
            {
                Email = person.Email,
                Phone = person.Phone,
                Em = OrNull(person.Em),
                Ph = OrNull(person.Ph),
                Fn = OrNull(person.Fn),
                Ln = OrNull(person.Ln),
                Db = OrNull(person.Db),
                Ge = OrNull(person.Ge),
                Ct = OrNull(person.Ct),
                St = OrNull(person.St),
                Zp = OrNull(person.Zp),
                Country = OrNull(person.Country),
                ExternalId = OrNull(person.ExternalId),
                IpAddress = person.IpAddress,
                UserAgent = person.UserAgent,
                Fbclid = person.Fbclid,
                Fbc = person.Fbc,
                Fbp = person.Fbp,
                EventSourceUrl = person.EventSourceUrl,
            },
            StoredPersonJson.Default.StoredPerson
        );

    public static ProtectedPerson Read(ReadOnlySpan<byte> json)
    {
        var stored =
            JsonSerializer.Deserialize(json, StoredPersonJson.Default.StoredPerson)
            ?? throw new JsonException("A protected part holds null.");
        return new ProtectedPerson
        {
            Email = stored.Email,
            Phone = stored.Phone,
            Em = stored.Em ?? [],
            Ph = stored.Ph ?? [],
            Fn = stored.Fn ?? [],
            Ln = stored.Ln ?? [],
            Db = stored.Db ?? [],
            Ge = stored.Ge ?? [],
            Ct = stored.Ct ?? [],
            St = stored.St ?? [],
            Zp = stored.Zp ?? [],
            Country = stored.Country ?? [],
            ExternalId = stored.ExternalId ?? [],
            IpAddress = stored.IpAddress,
            UserAgent = stored.UserAgent,
            Fbclid = stored.Fbclid,
            Fbc = stored.Fbc,
            Fbp = stored.Fbp,
            EventSourceUrl = stored.EventSourceUrl,
        };
    }

    private static IReadOnlyList<string>? OrNull(IReadOnlyList<string> list) => list.Count == 0 ? null : list;
}

[JsonSerializable(typeof(StoredPerson))]
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
internal sealed partial class StoredPersonJson : JsonSerializerContext;
