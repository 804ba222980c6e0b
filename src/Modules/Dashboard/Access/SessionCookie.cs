using System.Globalization;
using System.Net;
using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using TrackAi.Contracts;

namespace TrackAi.Dashboard.Access;

/// <summary>A cookie that travels over TLS only; on this machine itself, where a demo has no certificate, also without.</summary>
internal sealed class LoopbackAwareCookie : CookieBuilder
{
    public LoopbackAwareCookie() => (HttpOnly, SameSite, IsEssential, Path) = (true, SameSiteMode.Lax, true, "/");

    public override CookieOptions Build(HttpContext context, DateTimeOffset expiresFrom)
    {
        var options = base.Build(context, expiresFrom);
        options.Secure = context.Request.IsHttps || !IsLoopback(context.Request.Host.Host);
        return options;
    }

    private static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}

/// <summary>The session: a user's id and stamp, nothing else; all that matters is asked of the tables each time.</summary>
internal static class SessionCookie
{
    private const string Stamp = "stamp";

    public static void Configure(CookieAuthenticationOptions options)
    {
        options.Cookie = new LoopbackAwareCookie { Name = "trackai-session" };
        options.LoginPath = "/sign-in";
        options.AccessDeniedPath = "/sign-in";
        options.ExpireTimeSpan = TimeSpan.FromHours(12);
        options.SlidingExpiration = true;
        options.Events.OnValidatePrincipal = ValidateAsync;
    }

    public static ClaimsPrincipal PrincipalOf(SignedInUser user) =>
        new(
            new ClaimsIdentity(
                [new Claim(ClaimTypes.NameIdentifier, user.Id.ToString("D", CultureInfo.InvariantCulture)), new Claim(Stamp, user.Stamp)],
                CookieAuthenticationDefaults.AuthenticationScheme
            )
        );

    /// <summary>Who it is now; null for a session that was ended, or never was one.</summary>
    public static async Task<SignedInUser?> FindUserAsync(ClaimsPrincipal? principal, ISignIns signIns, CancellationToken cancellationToken)
    {
        if (!Guid.TryParse(principal?.FindFirstValue(ClaimTypes.NameIdentifier), out var id))
            return null;
        var user = await signIns.FindAsync(id, cancellationToken);
        return user?.Stamp == principal.FindFirstValue(Stamp) ? user : null;
    }

    private static async Task ValidateAsync(CookieValidatePrincipalContext context)
    {
        var signIns = context.HttpContext.RequestServices.GetRequiredService<ISignIns>();
        if (await FindUserAsync(context.Principal, signIns, context.HttpContext.RequestAborted) is not null)
            return;
        context.RejectPrincipal();
        await context.HttpContext.SignOutAsync();
    }
}
