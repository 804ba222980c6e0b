using System.CommandLine;
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using TrackAi.Contracts;
using TrackAi.EndToEnd.Tests.Browser;
using TrackAi.Host;

namespace TrackAi.Benchmarks;

/// <summary>
/// What somebody waits for who opens a page of the dashboard over many events: in real Chromium, signed in, from the navigation to the first paint,
/// which has the figures in it, and to the page that follows what happens.
/// </summary>
internal static class DashboardBenchmark
{
    private const int Opened = 15;
    private const string Password = "cavalo bateria grampo certo";

    private static readonly (string Name, string Path, string Data)[] Pages =
    [
        ("overview, 24 h", "?period=24h", ".cards .card-value"),
        ("overview, 7 days", "?period=7d", ".cards .card-value"),
        ("overview, 30 days", "?period=30d", ".cards .card-value"),
        ("overview, 30 days, a funnel", "?period=30d&funnel=curso", ".cards .card-value"),
        ("overview, 90 days", "?period=90d", ".cards .card-value"),
        ("events, 30 days", "/events?period=30d", "#sales tbody tr"),
        ("events, 30 days, a funnel", "/events?period=30d&funnel=curso", "#sales tbody tr"),
        ("match, 30 days", "/match?period=30d", ".bars .bar-count"),
    ];

    public static Command Verb()
    {
        var events = Options.Events(10_000_000);
        var verb = new Command("dashboard", "Pages of the dashboard over many events, in Chromium: from the navigation to the figures.")
        {
            events,
        };
        verb.SetAction((parsed, cancellationToken) => RunAsync(parsed.GetValue(events), cancellationToken));
        return verb;
    }

    private static async Task RunAsync(long events, CancellationToken cancellationToken)
    {
        await using var database = await BenchDatabase.WithReadModelsAsync(events, cancellationToken);
        await using var application = await BenchHost.BuildAsync(database.ConnectionString);
        await application.StartAsync(cancellationToken);
        await BenchHost.CaughtUpAsync(application, cancellationToken);
        await using var chromium = new Chromium();
        var url = application.Web.Urls.First();
        var page = await SignInAsync(chromium, application, url);
        foreach (var (name, path, data) in Pages)
        {
            var (painted, live) = (new List<double>(), new List<double>());
            for (var index = 0; index <= Opened; index++)
            {
                var tenant = GenerateVerb.Tenants[index % GenerateVerb.Tenants.Length];
                var (paint, circuit) = await OpenAsync(page, $"{url}/analytics/{tenant}{path}", data);
                // The first is the one that compiles and plans.
                if (index == 0)
                    continue;
                painted.Add(paint);
                live.Add(circuit);
            }

            Console.WriteLine(
                FormattableString.Invariant(
                    $"{name, -28} first paint, with the figures: p50 {At(painted, 0.5), 5:0} ms  worst {painted.Max(), 5:0} ms   live: p50 {At(live, 0.5), 5:0} ms  worst {live.Max(), 5:0} ms"
                )
            );
        }
    }

    private static async Task<IPage> SignInAsync(Chromium chromium, TrackAiApplication application, string url)
    {
        var email = $"bench{Stopwatch.GetTimestamp()}@loja.example";
        var (_, link) = await application.Services.GetRequiredService<IUsers>().InviteAsync(email, "Bench", tenant: null, TenantRole.Owner);
        await application.Services.GetRequiredService<ISignIns>().SetPasswordAsync(link!.Token, Password);
        var context = await chromium.NewVisitorAsync();
        var page = await context.NewPageAsync();
        await page.GotoAsync($"{url}/sign-in");
        await page.FillAsync("input[type=email]", email);
        await page.FillAsync("input[type=password]", Password);
        await page.ClickAsync("button[type=submit]");
        await page.AtAsync("*/analytics*");
        return page;
    }

    /// <summary>In milliseconds since the navigation began, by the browser's own clock.</summary>
    private static async Task<(double Paint, double Live)> OpenAsync(IPage page, string address, string data)
    {
        await page.GotoAsync(address, new PageGotoOptions { WaitUntil = WaitUntilState.DOMContentLoaded });
        // The document itself brings the figures: what is painted first has them.
        if (await page.Locator(data).CountAsync() == 0)
            throw new InvalidOperationException($"{address} came without its figures.");
        await page.WaitForFunctionAsync("() => performance.getEntriesByName('first-contentful-paint').length > 0");
        var paint = await page.EvaluateAsync<double>("() => performance.getEntriesByName('first-contentful-paint')[0].startTime");
        await page.WaitForSelectorAsync(".shell[data-live]");
        await page.WaitForSelectorAsync(data);
        return (paint, await page.EvaluateAsync<double>("() => performance.now()"));
    }

    private static double At(List<double> times, double share) => times.Order().ElementAt((int)((times.Count - 1) * share));
}
