using Microsoft.Playwright;

namespace TrackAi.Dashboard.Tests;

/// <summary>Pictures of the pages, kept with the results of the tests for whoever wants to look.</summary>
internal static class Screens
{
    private static readonly string Folder = Directory
        .CreateDirectory(
            Path.Combine(
                Environment.GetEnvironmentVariable("TRACKAI_TEST_RESULTS") is { Length: > 0 } results ? results : Root(),
                "screens"
            )
        )
        .FullName;

    public static async Task TakeAsync(IPage page, string name, bool fullPage = true) =>
        await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(Folder, $"{name}.png"), FullPage = fullPage });

    private static string Root() => Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", ".."));
}
