using System.Globalization;

namespace TrackAi.Dashboard.Words;

/// <summary>How pages speak to whoever looks: language, numbers, times, colours. Immutable; one of each circuit.</summary>
internal sealed class Ui
{
    private static readonly NumberFormatInfo English = new();
    private static readonly NumberFormatInfo Brazilian = new()
    {
        NumberDecimalSeparator = ",",
        NumberGroupSeparator = ".",
        PercentDecimalSeparator = ",",
        PercentGroupSeparator = ".",
    };

    private readonly bool isPortuguese;
    private readonly NumberFormatInfo numbers;

    private Ui(string language, string theme, string origin)
    {
        (Language, Theme, Origin) = (language, theme, origin);
        isPortuguese = language == "pt";
        numbers = isPortuguese ? Brazilian : English;
    }

    public string Language { get; }

    public string Theme { get; }

    /// <summary>The host as browsers and gateways reach it, without a slash at its end.</summary>
    public string Origin { get; }

    /// <summary>A text by its English, or a word of the log; what has no translation stays as it is, without underscores.</summary>
    public string this[string text] =>
        (isPortuguese ? Portuguese.Texts : Codes.Texts).TryGetValue(text, out var words) ? words
        : IsCode(text) ? text.Replace('_', ' ')
        : text;

    private static bool IsCode(string text) =>
        text.Contains('_', StringComparison.Ordinal) && !text.Contains(' ', StringComparison.Ordinal);

    /// <summary>A text with values in it.</summary>
    public string Say(string english, params ReadOnlySpan<object?> values) =>
        string.Format(CultureInfo.InvariantCulture, this[english], values);

    public static Ui Of(string language, string theme = "system", string origin = "") => new(language, theme, origin);

    public string Count(long number) => number.ToString("N0", numbers);

    public string Decimal(decimal number, int digits = 2) => number.ToString($"N{digits}", numbers);

    /// <summary>Of 100; a dash where there is nothing to be a share of.</summary>
    public string Percent(decimal? percent) => percent is { } known ? $"{known.ToString(known == 100 ? "0" : "0.0", numbers)}%" : "–";

    public string Money(decimal amount, string currency) =>
        currency switch
        {
            "BRL" => $"R$ {amount.ToString("N2", numbers)}",
            "USD" => $"US$ {amount.ToString("N2", numbers)}",
            "EUR" => $"€ {amount.ToString("N2", numbers)}",
            _ => $"{currency} {amount.ToString("N2", numbers)}",
        };

    public string Duration(TimeSpan time) =>
        time.TotalSeconds < 1 ? $"{time.TotalMilliseconds.ToString("0", numbers)} ms"
        : time.TotalMinutes < 2 ? $"{time.TotalSeconds.ToString("0.0", numbers)} s"
        : time.TotalHours < 2 ? $"{time.TotalMinutes.ToString("0", numbers)} min"
        : time.TotalDays < 2 ? $"{time.TotalHours.ToString("0", numbers)} h"
        : Say("{0} days", time.TotalDays.ToString("0", numbers));

    public string Day(DateOnly day) => day.ToString(isPortuguese ? "dd/MM/yyyy" : "yyyy-MM-dd", CultureInfo.InvariantCulture);

    public string ShortDay(DateOnly day) => day.ToString(isPortuguese ? "dd/MM" : "MM-dd", CultureInfo.InvariantCulture);

    public string Time(DateTimeOffset at, TimeZoneInfo zone) =>
        TimeZoneInfo
            .ConvertTime(at, zone)
            .ToString(isPortuguese ? "dd/MM/yyyy HH:mm:ss" : "yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
}
