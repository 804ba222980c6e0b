using System.Text.RegularExpressions;
using Microsoft.Playwright;
using TrackAi.Testing;

namespace TrackAi.EndToEnd.Tests.Browser;

internal static class Addresses
{
    /// <summary>
    /// Waits until the page's address is <paramref name="address"/>, in which <c>*</c> stands for anything. Playwright's <c>WaitForURLAsync</c> waits for an
    /// event besides, in vain where the page was there before anybody asked.
    /// </summary>
    public static Task AtAsync(this IPage page, string address)
    {
        var wanted = new Regex($"^{Regex.Escape(address).Replace(@"\*", ".*", StringComparison.Ordinal)}$", RegexOptions.ExplicitCapture);
        return Eventually.TrueAsync(() => Task.FromResult(wanted.IsMatch(page.Url)), $"the browser at {address}");
    }
}
