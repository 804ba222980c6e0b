using System.Collections.Frozen;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace TrackAi.MetaStandIn;

/// <summary>
/// What Meta asks of one server event. Written from Meta's documents and independently of what TrackAi sends, so that one can contradict
/// the other. See https://developers.facebook.com/docs/marketing-api/conversions-api/parameters.
/// </summary>
internal static partial class EventRules
{
    private const string HashOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    private static readonly FrozenSet<string> ActionSources = Words(
        "email website app phone_call chat physical_store system_generated business_messaging other"
    );

    private static readonly FrozenSet<string> EventKeys = Words(
        """
        event_name event_time event_id event_source_url action_source user_data custom_data opt_out data_processing_options
        data_processing_options_country data_processing_options_state referrer_url customer_segmentation original_event_data attribution_data
        app_data messaging_channel advanced_measurement_table
        """
    );

    private static readonly FrozenSet<string> HashedKeys = Words("em ph fn ln db ge ct st zp country");

    private static readonly FrozenSet<string> UserDataKeys = Words(
        """
        em ph fn ln db ge ct st zp country external_id client_ip_address client_user_agent fbc fbp subscription_id fb_login_id lead_id anon_id
        madid page_id page_scoped_user_id ctwa_clid ig_account_id ig_sid fi f5first f5last dobd dobm doby
        """
    );

    // Events that carry nothing beyond one of these could be anybody.
    private static readonly FrozenSet<string>[] WeakCombinations =
    [
        Words("ct country st zp ge client_user_agent"),
        Words("db client_user_agent"),
        Words("fn ge"),
        Words("ln ge"),
    ];

    private static readonly FrozenSet<string> Currencies = Words(
        """
        AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE
        CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS
        KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR
        PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD
        TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
        """
    );

    /// <summary>Null when the event is fine.</summary>
    public static MetaError? Check(JsonElement serverEvent, int index, DateTimeOffset now)
    {
        var at = $"$['data'][{index}]";
        if (serverEvent.ValueKind != JsonValueKind.Object)
            return MetaError.InvalidParameter("Invalid Event", $"Param {at} must be an object.");
        return UnexpectedKey(serverEvent, EventKeys, at)
            ?? Name(serverEvent, at)
            ?? Time(serverEvent, at, now)
            ?? Source(serverEvent, at)
            ?? Id(serverEvent, at)
            ?? UserData(serverEvent, at)
            ?? CustomData(serverEvent, at);
    }

    private static MetaError? Name(JsonElement serverEvent, string at) =>
        Text(serverEvent, "event_name") is { Length: > 0 and <= 50 }
            ? null
            : MetaError.InvalidParameter("Missing Event Name", $"{at}['event_name'] must be text of 1 to 50 characters.");

    private static MetaError? Time(JsonElement serverEvent, string at, DateTimeOffset now)
    {
        if (
            !serverEvent.TryGetProperty("event_time", out var value)
            || value.ValueKind != JsonValueKind.Number
            || !value.TryGetInt64(out var time)
        )
            return MetaError.InvalidParameter("Invalid Event Timestamp", $"{at}['event_time'] must be a Unix time in seconds.");

        var days = string.Equals(Text(serverEvent, "action_source"), "physical_store", StringComparison.Ordinal) ? 62 : 7;
        if (time < now.AddDays(-days).ToUnixTimeSeconds())
            return MetaError.InvalidParameter(
                "Event Timestamp Too Old",
                $"{at}['event_time'] is more than {days} days in the past.",
                subcode: 2804003
            );
        return time > now.ToUnixTimeSeconds()
            ? MetaError.InvalidParameter("Event Timestamp In The Future", $"{at}['event_time'] is in the future.")
            : null;
    }

    private static MetaError? Source(JsonElement serverEvent, string at)
    {
        var source = Text(serverEvent, "action_source");
        if (source is null || !ActionSources.Contains(source))
            return MetaError.InvalidParameter("Invalid Action Source", $"{at}['action_source'] is missing or unknown.");
        if (!string.Equals(source, "website", StringComparison.Ordinal))
            return null;
        if (!Uri.TryCreate(Text(serverEvent, "event_source_url"), UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
            return MetaError.InvalidParameter("Missing Event Source URL", $"{at}['event_source_url'] is required for website events.");
        return serverEvent.TryGetProperty("user_data", out var user) && Text(user, "client_user_agent") is { Length: > 0 }
            ? null
            : MetaError.InvalidParameter(
                "Missing Client User Agent",
                $"{at}['user_data']['client_user_agent'] is required for website events."
            );
    }

    private static MetaError? Id(JsonElement serverEvent, string at) =>
        !serverEvent.TryGetProperty("event_id", out var id) || id.ValueKind == JsonValueKind.String
            ? null
            : MetaError.InvalidParameter("Invalid Event ID", $"{at}['event_id'] must be text.");

    private static MetaError? UserData(JsonElement serverEvent, string at)
    {
        at += "['user_data']";
        if (!serverEvent.TryGetProperty("user_data", out var user) || user.ValueKind != JsonValueKind.Object)
            return MetaError.InvalidParameter("Missing User Data", $"{at} is required.");
        if (UnexpectedKey(user, UserDataKeys, at) is { } unexpected)
            return unexpected;
        foreach (var field in user.EnumerateObject())
            if (!IsWellFormed(field))
                return MetaError.InvalidParameter("Invalid Customer Information", $"{at}['{field.Name}'] is not in the required format.");

        var present = user.EnumerateObject().Select(field => field.Name).ToHashSet(StringComparer.Ordinal);
        return Array.Exists(WeakCombinations, present.IsSubsetOf)
            ? MetaError.InvalidParameter(
                "Insufficient Customer Information",
                $"{at} does not hold enough customer information to match the event.",
                subcode: 2804050
            )
            : null;
    }

    private static bool IsWellFormed(JsonProperty field) =>
        field.Name switch
        {
            "client_ip_address" => field.Value.ValueKind == JsonValueKind.String && IPAddress.TryParse(field.Value.GetString(), out _),
            "client_user_agent" => field.Value is { ValueKind: JsonValueKind.String }
                && !string.IsNullOrWhiteSpace(field.Value.GetString()),
            "fbc" => field.Value.ValueKind == JsonValueKind.String && Fbc().IsMatch(field.Value.GetString()!),
            "fbp" => field.Value.ValueKind == JsonValueKind.String && Fbp().IsMatch(field.Value.GetString()!),
            "external_id" => All(field.Value, static text => !string.IsNullOrWhiteSpace(text)),
            var name when HashedKeys.Contains(name) => All(
                field.Value,
                static text => Hash().IsMatch(text) && !string.Equals(text, HashOfNothing, StringComparison.Ordinal)
            ),
            _ => field.Value.ValueKind is JsonValueKind.String or JsonValueKind.Number or JsonValueKind.Array,
        };

    private static MetaError? CustomData(JsonElement serverEvent, string at)
    {
        at += "['custom_data']";
        var isPurchase = string.Equals(Text(serverEvent, "event_name"), "Purchase", StringComparison.Ordinal);
        if (!serverEvent.TryGetProperty("custom_data", out var custom))
            return isPurchase ? MetaError.InvalidParameter("Missing Value And Currency", $"{at} is required for Purchase.") : null;
        if (custom.ValueKind != JsonValueKind.Object)
            return MetaError.InvalidParameter("Invalid Custom Data", $"{at} must be an object.");

        var hasValue = custom.TryGetProperty("value", out var value);
        if (hasValue ? value.ValueKind != JsonValueKind.Number || value.GetDouble() < 0 : isPurchase)
            return MetaError.InvalidParameter("Invalid Value", $"{at}['value'] must be a number and not negative.");
        var hasCurrency = custom.TryGetProperty("currency", out _);
        if (hasCurrency ? !Currencies.Contains(Text(custom, "currency") ?? "") : hasValue || isPurchase)
            return MetaError.InvalidParameter("Invalid Currency", $"{at}['currency'] must be an ISO 4217 code.");
        return Contents(custom, at);
    }

    private static MetaError? Contents(JsonElement custom, string at)
    {
        if (!custom.TryGetProperty("contents", out var contents))
            return null;
        return
            contents.ValueKind == JsonValueKind.Array && contents.EnumerateArray().All(static one => one.ValueKind == JsonValueKind.Object)
            ? null
            : MetaError.InvalidParameter("Invalid Contents Parameter", $"{at}['contents'] must be a list of objects.", subcode: 2804008);
    }

    private static MetaError? UnexpectedKey(JsonElement element, FrozenSet<string> known, string at)
    {
        foreach (var property in element.EnumerateObject())
            if (!known.Contains(property.Name))
                return new MetaError(400, $"(#100) Unexpected key \"{property.Name}\" on param \"{at}\"", 100);
        return null;
    }

    private static bool All(JsonElement value, Predicate<string> holds) =>
        value.ValueKind switch
        {
            JsonValueKind.String => holds(value.GetString()!),
            JsonValueKind.Array => value.GetArrayLength() > 0
                && value.EnumerateArray().All(one => one.ValueKind == JsonValueKind.String && holds(one.GetString()!)),
            _ => false,
        };

    internal static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    private static FrozenSet<string> Words(string words) =>
        words.Split((char[])[' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries).ToFrozenSet(StringComparer.Ordinal);

    [GeneratedRegex(@"^[0-9a-f]{64}\z", RegexOptions.None, 1000)]
    private static partial Regex Hash();

    // Four segments, or five where Meta's parameter builder adds its own.
    [GeneratedRegex(@"^fb\.[0-9]{1,2}\.[0-9]{13}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]{2,8})?\z", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Fbc();

    [GeneratedRegex(@"^fb\.[0-9]{1,2}\.[0-9]{13}\.[0-9]+(\.[A-Za-z0-9_-]{2,8})?\z", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Fbp();
}
