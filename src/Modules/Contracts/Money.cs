namespace TrackAi.Contracts;

/// <summary>An amount in major units (reais, not centavos) with its ISO 4217 code in upper case. Never added across currencies.</summary>
/// <param name="Amount">Rounded to <see cref="Decimals"/>, also where it is read from the log: with the 28 that a decimal may have no sum would fit.</param>
public sealed record Money(decimal Amount, string Currency)
{
    /// <summary>More than any currency has: a quotation or a share of an amount keeps what it says.</summary>
    public const int Decimals = 6;

    /// <summary>What nobody pays: amounts below it can be added up by the million.</summary>
    public const decimal Limit = 1_000_000_000_000;

    public decimal Amount
    {
        get;
        init => field = Rounded(value);
    } = Rounded(Amount);

    public static decimal Rounded(decimal amount) => decimal.Round(amount, Decimals, MidpointRounding.AwayFromZero);

    /// <summary>What a sale's notes say of an amount that is not kept as it came; never its value.</summary>
    public static IEnumerable<string> NotesOn(string field, decimal amount) =>
        Rounded(amount) == amount ? [] : [$"{field}: rounded to {Decimals} decimals"];
}
