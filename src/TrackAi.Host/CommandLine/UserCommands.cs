using System.CommandLine;
using TrackAi.Contracts;

namespace TrackAi.Host.CommandLine;

/// <summary><c>users add|reset|list</c>: people who may sign in to the dashboard.</summary>
internal static class UserCommands
{
    private static readonly Argument<string> Email = new("EMAIL") { Description = "The address they sign in with." };

    public static Command Create() => new("users", "People who may sign in to the dashboard.") { Add(), Reset(), List() };

    private static Verb Add()
    {
        var tenant = new Option<string?>("--tenant")
        {
            Description = "The tenant they may see; without one they are an operator and see all.",
        };
        var role = new Option<string>("--role") { Description = "What they may do in it.", DefaultValueFactory = _ => "owner" };
        role.AcceptOnlyFromAmong("owner", "viewer");
        var name = new Option<string?>("--name") { Description = "How the pages call them; the first part of the address when left out." };
        var add = new Verb(
            "add",
            "Add a user, or a tenant to a user, and print a link that sets a password, once.",
            "users add ana@loja.example --tenant acme",
            "users add ops@trackai.example --name Ops"
        )
        {
            Email,
            tenant,
            role,
            name,
        };
        add.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                    {
                        var (user, invitation) = await services
                            .GetRequiredService<IUsers>()
                            .InviteAsync(
                                parsed.GetValue(Email)!,
                                parsed.GetValue(name),
                                parsed.GetValue(tenant),
                                parsed.GetValue(role) == "viewer" ? TenantRole.Viewer : TenantRole.Owner,
                                cancellationToken
                            );
                        Print(parsed, services, user.Email, invitation);
                    },
                    cancellationToken
                )
        );
        return add;
    }

    private static Verb Reset()
    {
        var reset = new Verb("reset", "Print a link that sets another password, once.", "users reset ana@loja.example") { Email };
        reset.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                        Print(
                            parsed,
                            services,
                            parsed.GetValue(Email)!,
                            await services.GetRequiredService<IUsers>().ResetAsync(parsed.GetValue(Email)!, cancellationToken)
                        ),
                    cancellationToken
                )
        );
        return reset;
    }

    private static Verb List()
    {
        var tenant = new Option<string?>("--tenant") { Description = "Only those who may see this tenant, operators left out." };
        var list = new Verb("list", "List users, and what they may see.", "users list", "users list --tenant acme") { tenant };
        list.SetAction(
            (parsed, cancellationToken) =>
                Session.UseAsync(
                    async services =>
                        Session.Print(
                            parsed,
                            await services.GetRequiredService<IUsers>().ListAsync(parsed.GetValue(tenant), cancellationToken),
                            PrintUsers
                        ),
                    cancellationToken
                )
        );
        return list;
    }

    private static void Print(ParseResult parsed, IServiceProvider services, string email, OneTimeLink? link) =>
        Session.Print(
            parsed,
            new
            {
                Email = email,
                Link = link is null ? null : Session.PublicUrl(services.GetRequiredService<IConfiguration>()).TrimEnd('/') + link.Path,
                link?.ExpiresAt,
            },
            shown =>
                Console.WriteLine(
                    shown.Link is null
                        ? $"{shown.Email} may see it now, with the password they have."
                        : $"{shown.Link}\nThe link works once, until {shown.ExpiresAt:u}. Whoever has it sets the password of {shown.Email}."
                )
        );

    private static void PrintUsers(IReadOnlyList<UserInfo> users) =>
        Session.Table(
            ["EMAIL", "NAME", "SEES", "AUTHENTICATOR", "LAST SIGN-IN", "STATE"],
            [
                .. users.Select(user =>
                    (string[])
                        [
                            user.Email,
                            user.Name,
                            user.IsOperator
                                ? "everything (operator)"
                                : string.Join(", ", user.Tenants.Select(one => $"{one.TenantId} ({$"{one.Role}".ToLowerInvariant()})")),
                            user.HasTotp ? "yes" : "no",
                            user.LastSignedInAt is { } at ? $"{at:u}" : "-",
                            !user.HasPassword ? "invited"
                            : user.LockedUntil is { } until ? $"locked until {until:u}"
                            : "ok",
                        ]
                ),
            ]
        );
}
