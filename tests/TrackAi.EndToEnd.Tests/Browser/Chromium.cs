using Microsoft.Playwright;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests.Browser;

/// <summary>One real Chromium for all tests, started when the first asks for it: the machine's own, or the one that <c>TRACKAI_CHROMIUM</c> names.</summary>
public sealed class Chromium : IAsyncDisposable
{
    private static readonly string[] Usual =
    [
        // Without a window's machinery, at a third of what the whole browser costs.
        "/usr/bin/chromium-headless-shell",
        "/usr/bin/chromium",
        "/usr/bin/chromium-browser",
        "/usr/bin/google-chrome",
        "/snap/bin/chromium",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ];

    private readonly Lazy<Task<(IPlaywright, IBrowser)>> browser = new(StartAsync);

    /// <summary>A visitor with no past.</summary>
    public async Task<IBrowserContext> NewVisitorAsync(BrowserNewContextOptions? options = null)
    {
        var (_, started) = await browser.Value;
        var visitor = await started.NewContextAsync(options ?? new BrowserNewContextOptions { Locale = "pt-BR" });
        visitor.SetDefaultTimeout((float)Eventually.Patience.TotalMilliseconds);
        return visitor;
    }

    public async ValueTask DisposeAsync()
    {
        if (!browser.IsValueCreated)
            return;
        var (playwright, started) = await browser.Value;
        await started.DisposeAsync();
        playwright.Dispose();
    }

    private static async Task<(IPlaywright, IBrowser)> StartAsync()
    {
        var path = Environment.GetEnvironmentVariable("TRACKAI_CHROMIUM") is { Length: > 0 } given
            ? given
            : Usual.FirstOrDefault(File.Exists)
                ?? throw new InvalidOperationException(
                    "These tests need Chromium. Install it (Debian: apt-get install chromium-headless-shell), or set TRACKAI_CHROMIUM to its path."
                );
        var playwright = await Playwright.CreateAsync();
        var browser = await playwright.Chromium.LaunchAsync(
            new BrowserTypeLaunchOptions
            {
                ExecutablePath = path,
                Timeout = (float)Eventually.Patience.TotalMilliseconds,
                Args =
                [
                    "--no-sandbox",
                    "--disable-background-networking",
                    "--disable-component-update",
                    // The shop has hosts of its own, so that cookies have domains; nothing leaves the machine.
                    "--host-resolver-rules=MAP *.example 127.0.0.1",
                ],
            }
        );
        return (playwright, browser);
    }
}
