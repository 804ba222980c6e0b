using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace TrackAi.Dashboard.Access;

/// <summary>Leaving, and how the pages look: what has to set or take away a cookie.</summary>
internal static class SessionEndpoints
{
    public static void MapSession(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapPost("/sign-out", SignOutAsync).ExcludeFromDescription();
        endpoints.MapGet("/preferences", Prefer).ExcludeFromDescription();
    }

    private static async Task<IResult> SignOutAsync(HttpContext http, IAntiforgery antiforgery)
    {
        if (!await antiforgery.IsRequestValidAsync(http))
            return TypedResults.BadRequest();
        await http.SignOutAsync();
        return TypedResults.LocalRedirect("/sign-in");
    }

    // Nothing but colours and words: a foreign page that leads here does no harm.
    private static RedirectHttpResult Prefer(HttpContext http, string? theme, string? language, string? back)
    {
        Keep(http, Preferences.ThemeCookie, theme, Preferences.Themes);
        Keep(http, Preferences.LanguageCookie, language, Preferences.Languages);
        return TypedResults.LocalRedirect(IsLocal(back) ? back! : "/analytics");
    }

    private static void Keep(HttpContext http, string cookie, string? value, IReadOnlyList<string> known)
    {
        if (value is null || !known.Contains(value, StringComparer.Ordinal))
            return;
        var options = new LoopbackAwareCookie { MaxAge = TimeSpan.FromDays(365) }.Build(http);
        http.Response.Cookies.Append(cookie, value, options);
    }

    public static bool IsLocal(string? path) => path is ['/', ..] and not ['/', '/' or '\\', ..] && !path.Any(char.IsControl);
}

/// <summary>How somebody wants the pages to look.</summary>
internal static class Preferences
{
    public const string ThemeCookie = "trackai-theme";
    public const string LanguageCookie = "trackai-language";

    public static readonly IReadOnlyList<string> Themes = ["light", "dark", "system"];
    public static readonly IReadOnlyList<string> Languages = ["pt", "en"];

    public static string ThemeOf(HttpContext http) =>
        http.Request.Cookies[ThemeCookie] is { } theme && Themes.Contains(theme, StringComparer.Ordinal) ? theme : "system";

    /// <summary>What was chosen, else what the browser asks for, else the language of most sellers.</summary>
    public static string LanguageOf(HttpContext http)
    {
        if (http.Request.Cookies[LanguageCookie] is { } chosen && Languages.Contains(chosen, StringComparer.Ordinal))
            return chosen;
        var asked = http.Request.GetTypedHeaders().AcceptLanguage.OrderByDescending(language => language.Quality ?? 1);
        return asked
                .Select(language => language.Value.ToString()[..Math.Min(2, language.Value.Length)].ToLowerInvariant())
                .FirstOrDefault(language => Languages.Contains(language, StringComparer.Ordinal))
            ?? "pt";
    }
}
