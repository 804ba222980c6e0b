using System.Collections.Frozen;
using TrackAi.Contracts;

namespace TrackAi.Dispatch;

/// <summary>
/// What Meta would refuse and we can know beforehand. One such event would take its whole batch down, so it never gets into one.
/// </summary>
internal static class EventValidation
{
    public const string TooOld = "too_old";
    public const string NoUserData = "no_user_data";
    public const string WeakUserData = "weak_user_data";
    public const string BadEventName = "bad_event_name";
    public const string MissingCurrency = "missing_currency";
    public const string UnknownCurrency = "unknown_currency";
    public const string NegativeValue = "negative_value";

    // Nothing beyond one of these could tell a person: https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/customer-information-parameters
    private static readonly FrozenSet<string>[] WeakCombinations =
    [
        Words("ct country st zp ge client_user_agent"),
        Words("db client_user_agent"),
        Words("fn ge"),
        Words("ln ge"),
    ];

    /// <summary>Why Meta would refuse the event now; empty when it would not.</summary>
    public static IReadOnlyList<string> Check(CapiEvent capiEvent, DateTimeOffset now)
    {
        var sale = capiEvent.Sale;
        var reasons = new List<string>();
        if (now - sale.OccurredAt > CapiPayload.LongestAge)
            reasons.Add(TooOld);
        if (sale.EventName.Length is 0 or > 50)
            reasons.Add(BadEventName);
        if (CheckPerson(capiEvent.UserData) is { } reason)
            reasons.Add(reason);
        reasons.AddRange(CheckMoney(sale.Value));
        return reasons;
    }

    public static bool IsAboutThePerson(string reason) => reason is NoUserData or WeakUserData;

    /// <summary>Why Meta would refuse the amount. Known before anything is opened, so such a sale is never queued.</summary>
    public static IEnumerable<string> CheckMoney(Money value)
    {
        if (string.IsNullOrWhiteSpace(value.Currency))
            yield return MissingCurrency;
        else if (!Currencies.Has(value.Currency))
            yield return UnknownCurrency;
        if (value.Amount < 0)
            yield return NegativeValue;
    }

    /// <summary>Why Meta would refuse what is told of the person; null when it would not.</summary>
    public static string? CheckPerson(CapiUserData user)
    {
        var present = user
            .Lists.Where(list => list.Values.Count > 0)
            .Select(list => list.Name)
            .Concat(user.Texts.Where(text => !string.IsNullOrEmpty(text.Value)).Select(text => text.Name))
            .ToHashSet(StringComparer.Ordinal);
        return present.Count == 0 ? NoUserData
            : Array.Exists(WeakCombinations, present.IsSubsetOf) ? WeakUserData
            : null;
    }

    private static FrozenSet<string> Words(string words) =>
        words.Split((char[])[' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries).ToFrozenSet(StringComparer.Ordinal);
}
