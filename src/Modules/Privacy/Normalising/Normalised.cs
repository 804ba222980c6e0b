using System.Net;
using System.Net.Sockets;
using TrackAi.Contracts;

namespace TrackAi.Privacy.Normalising;

/// <summary>
/// A person the way Meta wants people, and the names of the fields that were given but are not worth sending. Rules: Meta's
/// "Customer information parameters"; where Meta's own libraries disagree, every reading is in the list.
/// </summary>
internal sealed record Normalised(ProtectedPerson Person, IReadOnlyList<string> Dropped)
{
    public static Normalised From(Person person)
    {
        var reader = new Reader();
        var country = reader.Hashed("country", person.Country, 128, Country.Normalise);
        var email = reader.Hashed("email", person.Email, 320, Email.Normalise);
        var phone = reader.Hashed("phone", person.Phone, 64, clean => Phone.Normalise(clean, country.Value));
        var fullName = reader.Text("full_name", person.FullName, 256, clean => TextOrNull(clean, Text.HasLetter(clean)));
        var (first, last) = NamesOf(person, fullName);

        var normalised = new ProtectedPerson
        {
            Email = email.Value,
            Phone = phone.Value,
            Em = email.Hashes,
            Ph = phone.Value is { } number ? Hash.OfEach(Phone.Variants(number)) : phone.Hashes,
            Fn = reader.HashedList("first_name", first, 256, Name.FirstNames),
            Ln = reader.HashedList("last_name", last, 256, Name.LastNames),
            Db = reader.Hashed("birth_date", person.BirthDate, 64, Birth.Date).Hashes,
            Ge = reader.Hashed("gender", person.Gender, 64, Birth.Gender).Hashes,
            Ct = reader.HashedList("city", person.City, 128, Place.Cities),
            St = reader.HashedList("state", person.State, 128, clean => Place.States(clean, country.Value)),
            Zp = reader.HashedList("zip", person.Zip, 64, clean => Place.Zips(clean, country.Value)),
            Country = country.Hashes,
            ExternalId = reader.Hashed("external_id", person.ExternalId, 512, ExternalIdOf).Hashes,
            IpAddress = reader.Text("ip_address", person.IpAddress, 64, AddressOf),
            UserAgent = reader.Text(
                "user_agent",
                person.UserAgent,
                16 * 1024,
                clean => clean.Length > 1024 ? Text.Clean(clean[..1024]) : clean
            ),
            Fbclid = reader.Text("fbclid", person.Fbclid, 1024, clean => TextOrNull(clean, Fbc.IsFbclid(clean))),
            Fbc = reader.Text("fbc", person.Fbc, 2048, clean => TextOrNull(clean, Contracts.Fbc.IsValid(clean))),
            Fbp = reader.Text("fbp", person.Fbp, 2048, clean => TextOrNull(clean, Contracts.Fbc.IsValidFbp(clean))),
            EventSourceUrl = reader.Text("event_source_url", person.EventSourceUrl, 16 * 1024, PageUrl.Normalise),
        };
        return new(normalised, reader.Dropped);
    }

    // What the full name adds to a first name that was given alone is the last name.
    private static (string? First, string? Last) NamesOf(Person person, string? fullName)
    {
        var (first, last) = Name.Split(fullName);
        return (Given(person.FirstName) ?? first, Given(person.LastName) ?? last);
    }

    private static string? Given(string? value) => string.IsNullOrWhiteSpace(value) ? null : value;

    private static string? TextOrNull(string clean, bool good) => good ? clean : null;

    // As Meta's parameter builder does, so that what the browser's pixel sends of the same id is the same hash.
    private static string? ExternalIdOf(string clean)
    {
        var id = string.Concat(Text.Lower(clean).Where(character => !char.IsWhiteSpace(character)));
        return id.Length == 0 ? null : id;
    }

    private static string? AddressOf(string clean)
    {
        // Without this, "1" is the address 0.0.0.1.
        if (!clean.Contains(':', StringComparison.Ordinal) && clean.Count(character => character == '.') != 3)
            return null;
        if (clean.Contains('%', StringComparison.Ordinal) || !IPAddress.TryParse(clean, out var address))
            return null;
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return plain.AddressFamily is AddressFamily.InterNetwork or AddressFamily.InterNetworkV6 ? plain.ToString() : null;
    }

    /// <summary>A value and its hashes; the value is null where it came hashed.</summary>
    private readonly record struct Field(string? Value, IReadOnlyList<string> Hashes);

    /// <summary>Reads one field after the other and remembers which were no good.</summary>
    private sealed class Reader
    {
        private readonly List<string> dropped = [];

        public IReadOnlyList<string> Dropped => dropped;

        public string? Text(string name, string? raw, int longest, Func<string, string?> normalise)
        {
            if (string.IsNullOrWhiteSpace(raw))
                return null;
            var clean = raw.Length <= longest ? Normalising.Text.Clean(raw) : "";
            var value = IsPlaceholder(clean) ? null : normalise(clean);
            if (value is null)
                dropped.Add(name);
            return value;
        }

        public Field Hashed(string name, string? raw, int longest, Func<string, string?> normalise)
        {
            if (HashIn(raw) is { } hash)
                return new(null, [hash]);
            return Text(name, raw, longest, normalise) is { } value ? new(value, [Hash.Of(value)]) : new(null, []);
        }

        public IReadOnlyList<string> HashedList(string name, string? raw, int longest, Func<string, IReadOnlyList<string>> normalise)
        {
            if (HashIn(raw) is { } hash)
                return [hash];
            IReadOnlyList<string> variants = [];
            Text(name, raw, longest, clean => (variants = normalise(clean)).Count > 0 ? clean : null);
            return Hash.OfEach(variants);
        }

        private static string? HashIn(string? raw) => raw?.Trim() is { } text && Hash.IsHash(text) ? text.ToLowerInvariant() : null;

        // What scripts and templates write where there is nothing: one "null" as external_id would make everybody the same person.
        private static bool IsPlaceholder(string clean) =>
            clean.Length == 0 || clean.ToUpperInvariant() is "NULL" or "UNDEFINED" or "NAN" or "[OBJECT OBJECT]" or "N/A";
    }
}
