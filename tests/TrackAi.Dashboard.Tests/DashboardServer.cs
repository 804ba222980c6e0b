using System.Collections.Concurrent;
using System.Net;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using TrackAi.Contracts;
using TrackAi.EndToEnd.Tests.Browser;
using TrackAi.Testing;

namespace TrackAi.Dashboard.Tests;

/// <summary>The product with people who sign in, each with a browser of their own.</summary>
public sealed partial class DashboardServer(Chromium chromium) : TrackAiServer
{
    public const string SessionCookie = "trackai-session";
    public const string Password = "cavalo bateria grampo certo";

    private readonly ConcurrentDictionary<string, Task<string>> sessions = new(StringComparer.Ordinal);
    private int people;

    public IUsers Users => Host.Services.GetRequiredService<IUsers>();

    public ISignIns SignIns => Host.Services.GetRequiredService<ISignIns>();

    /// <summary>Somebody who may see a tenant, or all without one; returns the address they sign in with.</summary>
    public async Task<string> NewUserAsync(string? tenant, TenantRole role = TenantRole.Owner, string? name = null)
    {
        var email = $"pessoa{Interlocked.Increment(ref people)}@loja.example";
        var (_, link) = await Users.InviteAsync(email, name ?? "Ana Prado", tenant, role);
        (await SignIns.SetPasswordAsync(link!.Token, Password)).ShouldBeTrue();
        return email;
    }

    /// <summary>A browser in which nobody has signed in.</summary>
    public async Task<Browser> NewBrowserAsync(
        string theme = "light",
        string language = "en",
        bool isPhone = false,
        TrackAiHost? at = null
    ) => await Browser.OpenAsync(chromium, (at ?? Host).Url, theme, language, isPhone);

    /// <summary>A browser in which somebody is signed in.</summary>
    public async Task<Browser> SignedInAsync(string email, string theme = "light", string language = "en", bool isPhone = false)
    {
        var browser = await NewBrowserAsync(theme, language, isPhone);
        await browser.Context.AddCookiesAsync([
            new Microsoft.Playwright.Cookie
            {
                Name = SessionCookie,
                Value = await sessions.GetOrAdd(email, NewSessionAsync),
                Url = Host.Url,
                HttpOnly = true,
            },
        ]);
        return browser;
    }

    /// <summary>The cookie that a browser is given for the form of the page; how people fill it in is tested by itself.</summary>
    public async Task<string> NewSessionAsync(string email)
    {
        var cookies = new CookieContainer();
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = cookies })
        {
            BaseAddress = new Uri(Host.Url),
        };
        var page = await http.GetStringAsync("/sign-in");
        using var form = new FormUrlEncodedContent(
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["_handler"] = "sign-in",
                ["__RequestVerificationToken"] = WebUtility.HtmlDecode(FormToken().Match(page).Groups["token"].Value),
                ["Form.Email"] = email,
                ["Form.Password"] = Password,
            }
        );
        using var answer = await http.PostAsync("/sign-in", form);
        return cookies.GetCookies(http.BaseAddress)[SessionCookie]?.Value
            ?? throw new InvalidOperationException($"{email} was not signed in: {answer.StatusCode}.");
    }

    [GeneratedRegex("name=\"__RequestVerificationToken\" value=\"(?<token>[^\"]+)\"", RegexOptions.ExplicitCapture, 60_000)]
    private static partial Regex FormToken();
}

/// <summary>One page of one visitor, and everything their browser complained about.</summary>
public sealed class Browser : IAsyncDisposable
{
    private readonly string url;

    private Browser(IBrowserContext context, IPage page, string url) => (Context, Page, this.url) = (context, page, url);

    public IBrowserContext Context { get; }

    public IPage Page { get; }

    /// <summary>Scripts that failed, and what the security policy kept from happening.</summary>
    public ConcurrentQueue<string> Complaints { get; } = new();

    public static async Task<Browser> OpenAsync(Chromium chromium, string url, string theme, string language, bool isPhone)
    {
        var context = await chromium.NewVisitorAsync(
            new BrowserNewContextOptions
            {
                Locale = language == "pt" ? "pt-BR" : "en-US",
                ViewportSize = isPhone ? new() { Width = 390, Height = 844 } : new() { Width = 1360, Height = 900 },
                HasTouch = isPhone,
                ReducedMotion = ReducedMotion.Reduce,
            }
        );
        await context.AddCookiesAsync([
            new Microsoft.Playwright.Cookie
            {
                Name = "trackai-theme",
                Value = theme,
                Url = url,
            },
        ]);
        var browser = new Browser(context, await context.NewPageAsync(), url);
        browser.Page.Console += (_, message) =>
        {
            if (message.Type == "error" && !message.Text.Contains("status of 40", StringComparison.Ordinal))
                browser.Complaints.Enqueue(message.Text);
        };
        browser.Page.PageError += (_, error) => browser.Complaints.Enqueue(error);
        return browser;
    }

    public async Task SignInAsync(string email, string password)
    {
        await Page.GotoAsync($"{url}/sign-in");
        await Page.FillAsync("input[type=email]", email);
        await Page.FillAsync("input[type=password]", password);
        await Page.ClickAsync("button[type=submit]");
    }

    /// <summary>Opens a page and waits until its circuit answers and has read what the page shows.</summary>
    public async Task<IPage> GoAsync(string path)
    {
        await Page.GotoAsync(url + path);
        await Page.WaitForSelectorAsync(".shell[data-live]:not(:has(.loading)) h1, .public h1");
        return Page;
    }

    public async ValueTask DisposeAsync() => await Context.DisposeAsync();
}
