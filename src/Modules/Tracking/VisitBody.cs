using System.Globalization;
using System.Text.Json;
using TrackAi.Contracts;

namespace TrackAi.Tracking;

/// <summary>What a browser told us, checked: every field optional, text of bounded length. A field of another kind is refused by name.</summary>
internal sealed class VisitBody
{
    private const int LongestText = 1024;
    private const int LongestUrl = 4096;

    // Older than the window in which a click is joined to a sale says nothing.
    private static readonly TimeSpan OldestVisit = TimeSpan.FromDays(7);

    private readonly JsonElement root;

    private VisitBody(JsonElement root) => this.root = root;

    public string? TenantId => Text("tenant_id");

    public string? ClickId
    {
        get
        {
            var id = Text("click_id");
            return id is null || ClickToken.IsValid(id)
                ? id
                : throw new InvalidVisitException(
                    "click_id",
                    "must be a click token: tk1_ and 16 letters or digits, then its check character"
                );
        }
    }

    /// <summary>The id of a pageview or a checkout where the browser minted it, so that sending it again changes nothing.</summary>
    public Guid? VisitId =>
        Text("visit_id") is not { } text ? null
        : Guid.TryParse(text, out var id) ? id
        : throw new InvalidVisitException("visit_id", "must be a UUID such as 01a1fdcf-9de4-7732-8451-9e69d38bf970");

    /// <summary>How long ago it happened by the browser's own clock: a visit may have waited for the network.</summary>
    public TimeSpan Age =>
        Number("age_ms") is { } age
            ? TimeSpan.FromMilliseconds((long)Math.Min(age, (decimal)OldestVisit.TotalMilliseconds))
            : TimeSpan.Zero;

    public string? ProductId => Text("product_id");

    /// <summary>Refused when it is anything but a yes or a no: a no must not be lost to a slip of the pen.</summary>
    public bool? Consent =>
        Member("consent") switch
        {
            null => null,
            { ValueKind: JsonValueKind.True } => true,
            { ValueKind: JsonValueKind.False } => false,
            _ => throw new InvalidVisitException("consent", "must be true or false; leave it out when the visitor was not asked"),
        };

    public Campaign Campaign =>
        new Campaign(
            Text("utm_source"),
            Text("utm_medium"),
            Text("utm_campaign"),
            Text("utm_content"),
            Text("utm_term"),
            Text("src"),
            Text("sck"),
            Text("xcod")
        ).Cleaned();

    public Money? Value
    {
        get
        {
            var (value, currency) = (Number("value"), Text("currency"));
            if (value is null)
                return null;
            if (currency is not { Length: 3 } || !currency.All(char.IsAsciiLetter))
                throw new InvalidVisitException("currency", "must be a three-letter ISO 4217 code such as BRL when there is a value");
            return new Money(value.Value, currency.ToUpperInvariant());
        }
    }

    /// <summary>The visitor, with Meta's click cookie built from the click's id where the browser had none yet.</summary>
    public Person Visitor(string? ipAddress, string? userAgent, DateTimeOffset now) =>
        new()
        {
            Email = Text("email"),
            Phone = Text("phone"),
            ExternalId = Text("external_id"),
            Fbclid = Text("fbclid"),
            Fbc = Text("fbc") ?? Fbc.FromFbclid(Text("fbclid"), now - Age),
            Fbp = Text("fbp"),
            EventSourceUrl = Text("event_source_url", LongestUrl),
            IpAddress = ipAddress,
            UserAgent = userAgent,
        };

    /// <summary>An empty body is an empty object: a click may know nothing but that it happened.</summary>
    public static VisitBody Parse(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var document = JsonDocument.Parse(body.Length == 0 ? "{}"u8.ToArray() : body);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new VisitBody(document.RootElement.Clone())
                : throw new InvalidVisitException("body", "must be a JSON object");
        }
        catch (JsonException exception)
        {
            throw new InvalidVisitException("body", $"must be JSON (line {exception.LineNumber + 1}, byte {exception.BytePositionInLine})");
        }
    }

    private string? Text(string field, int longest = LongestText)
    {
        if (Member(field) is not { } value)
            return null;
        if (value.ValueKind != JsonValueKind.String)
            throw new InvalidVisitException(field, "must be text");
        try
        {
            var text = value.GetString()!.Trim();
            return text.Length <= longest
                ? (text.Length == 0 ? null : text)
                : throw new InvalidVisitException(field, $"must be at most {longest} characters");
        }
        catch (InvalidOperationException)
        {
            throw new InvalidVisitException(field, "must be valid Unicode text");
        }
    }

    private JsonElement? Member(string field)
    {
        try
        {
            return root.TryGetProperty(field, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
        }
        catch (InvalidOperationException)
        {
            throw new InvalidVisitException("body", "must have valid Unicode text in its names");
        }
    }

    private decimal? Number(string field)
    {
        if (Member(field) is not { } value)
            return null;
        var text = value.ValueKind switch
        {
            JsonValueKind.Number => value.GetRawText(),
            JsonValueKind.String => Text(field),
            _ => "",
        };
        return
            decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number is >= 0 and < 1_000_000_000
            ? number
            : throw new InvalidVisitException(
                field,
                field == "age_ms" ? "must be a number of milliseconds, not negative" : "must be a number in major units, not negative"
            );
    }
}

/// <summary>A visit's body breaks the contract: answered 400, naming the field and the remedy.</summary>
internal sealed class InvalidVisitException(string field, string remedy) : Exception($"{field}: {remedy}.")
{
    public string Field { get; } = field;
}
