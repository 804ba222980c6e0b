using System.Buffers;
using System.Net;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using TrackAi.Contracts;

namespace TrackAi.Dispatch;

/// <summary>The facts of a sale that Meta is told, without the people in it.</summary>
/// <param name="OccurredAt">When the thing that <paramref name="EventName"/> names happened: of a Purchase, when it was paid.</param>
internal sealed record CapiSale(string EventName, Guid EventId, string OrderId, Money Value, string? ProductId, DateTimeOffset OccurredAt)
{
    /// <param name="change">The later delivery that made the conversion what is now sent; null when the first one did.</param>
    public static CapiSale Of(DispatchRequested request, ConversionReceived received, ConversionStateChanged? change) =>
        new(
            request.EventName,
            request.EventId,
            received.OrderId,
            change?.Value ?? received.Value,
            received.ProductId,
            change?.OccurredAt ?? received.OccurredAt
        );
}

/// <summary>The visitor of the click that the sale was matched to.</summary>
internal sealed record CapiClick(ProtectedPerson Visitor, DateTimeOffset ClickedAt);

/// <summary><c>user_data</c>: who it was, hashed where Meta wants it hashed.</summary>
internal sealed record CapiUserData(
    IReadOnlyList<string> Em,
    IReadOnlyList<string> Ph,
    IReadOnlyList<string> Fn,
    IReadOnlyList<string> Ln,
    IReadOnlyList<string> Db,
    IReadOnlyList<string> Ge,
    IReadOnlyList<string> Ct,
    IReadOnlyList<string> St,
    IReadOnlyList<string> Zp,
    IReadOnlyList<string> Country,
    IReadOnlyList<string> ExternalId,
    string? ClientIpAddress,
    string? ClientUserAgent,
    string? Fbc,
    string? Fbp
)
{
    /// <summary>Every field under Meta's name, in the order they are sent.</summary>
    public IEnumerable<(string Name, IReadOnlyList<string> Values)> Lists =>
        [
            ("em", Em),
            ("ph", Ph),
            ("fn", Fn),
            ("ln", Ln),
            ("db", Db),
            ("ge", Ge),
            ("ct", Ct),
            ("st", St),
            ("zp", Zp),
            ("country", Country),
            ("external_id", ExternalId),
        ];

    public IEnumerable<(string Name, string? Value)> Texts =>
        [("client_ip_address", ClientIpAddress), ("client_user_agent", ClientUserAgent), ("fbc", Fbc), ("fbp", Fbp)];
}

/// <summary>One server event as Meta takes it.</summary>
/// <param name="Dropped">Fields that were known and not fit to be sent; never their values.</param>
internal sealed record CapiEvent(
    CapiSale Sale,
    long EventTime,
    string ActionSource,
    string? EventSourceUrl,
    CapiUserData UserData,
    IReadOnlyList<string> Dropped
)
{
    public string EventId => Sale.EventId.ToString("D");

    /// <summary>Says nothing about anybody.</summary>
    public override string ToString() => $"{Sale.EventName} {EventId}";
}

/// <summary>
/// Builds the event of a sale. https://developers.facebook.com/docs/marketing-api/conversions-api/parameters says what each field has to be.
/// </summary>
internal static partial class CapiPayload
{
    public static readonly TimeSpan LongestAge = TimeSpan.FromDays(7);

    /// <summary>An event just inside the limit must still be inside it when Meta reads it.</summary>
    private static readonly TimeSpan AgeMargin = TimeSpan.FromMinutes(10);

    private const string HashOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    // Meta's own servers read this, not a browser: "+" and "ç" may stay as they are.
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="buyer">The buyer as the deliveries told, the latest first; empty when the person was erased.</param>
    public static CapiEvent Build(CapiSale sale, IReadOnlyList<ProtectedPerson> buyer, CapiClick? click, DateTimeOffset now)
    {
        var dropped = new List<string>();
        var people = click is null ? buyer : [.. buyer, click.Visitor];
        var browser = people.FirstOrDefault(person => !string.IsNullOrWhiteSpace(person.UserAgent));
        var url = First(people, "event_source_url", PageOf, static person => person.EventSourceUrl, dropped);
        var user = new CapiUserData(
            Em: Hashes(people, "em", static person => person.Em, dropped),
            Ph: Hashes(people, "ph", static person => person.Ph, dropped),
            Fn: Hashes(people, "fn", static person => person.Fn, dropped),
            Ln: Hashes(people, "ln", static person => person.Ln, dropped),
            Db: Hashes(people, "db", static person => person.Db, dropped),
            Ge: Hashes(people, "ge", static person => person.Ge, dropped),
            Ct: Hashes(people, "ct", static person => person.Ct, dropped),
            St: Hashes(people, "st", static person => person.St, dropped),
            Zp: Hashes(people, "zp", static person => person.Zp, dropped),
            Country: Hashes(people, "country", static person => person.Country, dropped),
            ExternalId: Hashes(people, "external_id", static person => person.ExternalId, dropped),
            // The address that goes with the browser that is named, where that one is known.
            ClientIpAddress: First(
                browser is null ? people : [browser, .. people],
                "client_ip_address",
                Address,
                static p => p.IpAddress,
                dropped
            ),
            ClientUserAgent: browser?.UserAgent,
            Fbc: First(people, "fbc", static text => FbcShape().IsMatch(text) ? text : null, static p => p.Fbc, dropped)
                ?? FbcOf(sale, buyer, click),
            Fbp: First(people, "fbp", static text => FbpShape().IsMatch(text) ? text : null, static p => p.Fbp, dropped)
        );
        // A gateway's webhook knows no browser. Meta asks one of every website event; a sale that the seller's system reports needs none.
        var isWebsite = url is not null && user.ClientUserAgent is not null;
        return new CapiEvent(
            sale,
            Clamp(sale.OccurredAt, now - LongestAge + AgeMargin, now).ToUnixTimeSeconds(),
            isWebsite ? "website" : "system_generated",
            url,
            user,
            [.. dropped.Distinct(StringComparer.Ordinal)]
        );
    }

    /// <summary>The event as JSON; the same facts always give the same bytes.</summary>
    public static byte[] ToJson(CapiEvent capiEvent)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer, Plain))
            Write(json, capiEvent);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>The whole request: the events, and the token, which belongs nowhere else.</summary>
    /// <param name="proof">Of the app's secret, where the app asks for one.</param>
    public static void WriteRequest(IBufferWriter<byte> buffer, Pixel pixel, IReadOnlyList<CapiEvent> events, string? proof = null)
    {
        using var json = new Utf8JsonWriter(buffer, Plain);
        json.WriteStartObject();
        json.WriteStartArray("data");
        foreach (var capiEvent in events)
            Write(json, capiEvent, pixel.DataProcessing);
        json.WriteEndArray();
        WriteOptional(json, "test_event_code", pixel.TestEventCode);
        json.WriteString("access_token", pixel.AccessToken);
        WriteOptional(json, "appsecret_proof", proof);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, CapiEvent capiEvent, DataProcessing? processing = null)
    {
        json.WriteStartObject();
        json.WriteString("event_name", capiEvent.Sale.EventName);
        json.WriteNumber("event_time", capiEvent.EventTime);
        json.WriteString("event_id", capiEvent.EventId);
        json.WriteString("action_source", capiEvent.ActionSource);
        WriteOptional(json, "event_source_url", capiEvent.EventSourceUrl);
        WriteDataProcessing(json, processing);
        WriteUserData(json, capiEvent.UserData);
        WriteCustomData(json, capiEvent.Sale);
        json.WriteEndObject();
    }

    // https://developers.facebook.com/docs/marketing-apis/data-processing-options: country and state go with the option, also as 0 and 0.
    private static void WriteDataProcessing(Utf8JsonWriter json, DataProcessing? processing)
    {
        if (processing is null)
            return;
        json.WriteStartArray("data_processing_options");
        foreach (var option in processing.Options)
            json.WriteStringValue(option);
        json.WriteEndArray();
        json.WriteNumber("data_processing_options_country", processing.Country);
        json.WriteNumber("data_processing_options_state", processing.State);
    }

    private static void WriteUserData(Utf8JsonWriter json, CapiUserData user)
    {
        json.WriteStartObject("user_data");
        foreach (var (name, values) in user.Lists)
        {
            if (values.Count == 0)
                continue;
            json.WriteStartArray(name);
            foreach (var value in values)
                json.WriteStringValue(value);
            json.WriteEndArray();
        }

        foreach (var (name, value) in user.Texts)
            WriteOptional(json, name, value);
        json.WriteEndObject();
    }

    private static void WriteCustomData(Utf8JsonWriter json, CapiSale sale)
    {
        // Dividing by one with all its places drops trailing zeros: 197.00 and 197 are one amount and become the same bytes.
        var value = sale.Value.Amount / 1.0000000000000000000000000000m;
        json.WriteStartObject("custom_data");
        json.WriteNumber("value", value);
        json.WriteString("currency", sale.Value.Currency);
        json.WriteString("order_id", sale.OrderId);
        if (!string.IsNullOrWhiteSpace(sale.ProductId))
        {
            json.WriteStartArray("content_ids");
            json.WriteStringValue(sale.ProductId);
            json.WriteEndArray();
            json.WriteString("content_type", "product");
            json.WriteStartArray("contents");
            json.WriteStartObject();
            json.WriteString("id", sale.ProductId);
            json.WriteNumber("quantity", 1);
            json.WriteNumber("item_price", value);
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteNumber("num_items", 1);
        }

        json.WriteEndObject();
    }

    private static void WriteOptional(Utf8JsonWriter json, string name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
            json.WriteString(name, value);
    }

    /// <summary>The variants of everyone, each once; the buyer's own first.</summary>
    private static string[] Hashes(
        IReadOnlyList<ProtectedPerson> people,
        string name,
        Func<ProtectedPerson, IReadOnlyList<string>> of,
        List<string> dropped
    )
    {
        var all = people.SelectMany(of).Distinct(StringComparer.Ordinal).ToArray();
        var fit = Array.FindAll(
            all,
            static one => HashShape().IsMatch(one) && !string.Equals(one, HashOfNothing, StringComparison.Ordinal)
        );
        if (fit.Length < all.Length)
            dropped.Add(name);
        return fit;
    }

    /// <summary>The first that is fit to be sent: one that is not makes room for the next person's.</summary>
    private static string? First(
        IReadOnlyList<ProtectedPerson> people,
        string name,
        Func<string, string?> fit,
        Func<ProtectedPerson, string?> of,
        List<string> dropped
    )
    {
        foreach (var given in people.Select(of).Where(text => !string.IsNullOrWhiteSpace(text)))
        {
            if (fit(given!) is { } value)
                return value;
            dropped.Add(name);
        }

        return null;
    }

    /// <summary>Where the browser kept no cookie but the ad's link carried its id, the cookie's value is known all the same.</summary>
    private static string? FbcOf(CapiSale sale, IReadOnlyList<ProtectedPerson> buyer, CapiClick? click)
    {
        var (fbclid, seenAt) = buyer.FirstOrDefault(person => person.Fbclid is { Length: > 0 }) is { } own
            ? (own.Fbclid, sale.OccurredAt)
            : (click?.Visitor.Fbclid, click?.ClickedAt ?? default);
        var fbc = $"fb.1.{seenAt.ToUnixTimeMilliseconds()}.{fbclid}";
        return fbclid is { Length: > 0 } && FbcShape().IsMatch(fbc) ? fbc : null;
    }

    /// <summary>The page without its query, which may name the person.</summary>
    private static string? PageOf(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var page) || page.Scheme is not ("http" or "https"))
            return null;
        var path = page.AbsolutePath.Contains('@') || page.AbsolutePath.Contains("%40", StringComparison.Ordinal) ? "/" : page.AbsolutePath;
        return $"{page.Scheme}://{page.Authority}{path}";
    }

    // The parser takes "1" for 0.0.0.1.
    private static string? Address(string address) =>
        IPAddress.TryParse(address, out var parsed) && (address.Contains(':') || address.Count(static one => one == '.') == 3)
            ? parsed.ToString()
            : null;

    private static DateTimeOffset Clamp(DateTimeOffset time, DateTimeOffset from, DateTimeOffset to) =>
        time < from ? from
        : time > to ? to
        : time;

    [GeneratedRegex(@"^[0-9a-f]{64}\z", RegexOptions.None, 1000)]
    private static partial Regex HashShape();

    // Four segments, or five where Meta's parameter builder adds its own.
    [GeneratedRegex(@"^fb\.[0-9]{1,2}\.[0-9]{13}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]{2,8})?\z", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex FbcShape();

    [GeneratedRegex(@"^fb\.[0-9]{1,2}\.[0-9]{13}\.[0-9]+(\.[A-Za-z0-9_-]{2,8})?\z", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex FbpShape();
}
