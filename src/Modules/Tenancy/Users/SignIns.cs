using Microsoft.AspNetCore.Identity;
using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Tenancy;

/// <summary>
/// Signs people in. Passwords are hashed by ASP.NET Core Identity (PBKDF2); whoever asks for a user who does not exist waits as long as for one who
/// does.
/// </summary>
internal sealed class SignIns(UserTable table, NpgsqlDataSource database, ISecretBox box, TimeProvider time) : ISignIns
{
    private const int AttemptsBeforeLock = 5;
    private static readonly TimeSpan LockLasts = TimeSpan.FromMinutes(15);

    // The hasher does not look at who it is.
    private readonly PasswordHasher<string> hasher = new();
    private readonly Lazy<string> nobodysHash = new(() => new PasswordHasher<string>().HashPassword("", "nobody's password"));

    public static string Purpose(Guid user) => $"totp|{user}";

    public async Task<SignIn> SignInAsync(string email, string password, string? code, CancellationToken cancellationToken = default)
    {
        var user = await table.FindAsync(email.Trim().ToLowerInvariant(), cancellationToken);
        var now = time.GetUtcNow();
        if (user?.Info.LockedUntil is { } until && until > now)
            return new SignIn(SignInOutcome.LockedOut, LockedUntil: until);

        var verified = hasher.VerifyHashedPassword("", user?.PasswordHash ?? nobodysHash.Value, password);
        if (user?.PasswordHash is null)
            return new SignIn(SignInOutcome.Refused);
        if (verified == PasswordVerificationResult.Failed)
            return await FailedAsync(user, SignInOutcome.Refused, cancellationToken);
        if (user.SealedTotp is { } totp)
        {
            var step = Totp.StepOf(box.Open(Purpose(user.Info.Id), totp), code, now, user.TotpLastStep);
            if (string.IsNullOrWhiteSpace(code))
                return new SignIn(SignInOutcome.CodeNeeded);
            if (step is null || !await UseStepAsync(user.Info.Id, step.Value, cancellationToken))
                return await FailedAsync(user, SignInOutcome.CodeNeeded, cancellationToken);
        }

        if (verified == PasswordVerificationResult.SuccessRehashNeeded)
            await HashAnewAsync(user.Info.Id, password, cancellationToken);
        await table.ChangeAsync(
            "update app_user set failed_attempts = 0, locked_until = null, last_signed_in_at = $2 where id = $1",
            cancellationToken,
            user.Info.Id,
            now
        );
        return new SignIn(SignInOutcome.SignedIn, user.SignedIn);
    }

    public async Task<SignedInUser?> FindAsync(Guid user, CancellationToken cancellationToken = default) =>
        (await table.FindAsync(user, cancellationToken))?.SignedIn;

    public async Task<string?> FindLinkAsync(string token, CancellationToken cancellationToken = default) =>
        (await OwnerAsync(token, cancellationToken))?.Email;

    public async Task<bool> SetPasswordAsync(string token, string password, CancellationToken cancellationToken = default)
    {
        if (await OwnerAsync(token, cancellationToken) is not { } owner)
            return false;
        var hash = hasher.HashPassword("", UserRules.Password(password, owner.Email));
        // Who lost a password may have lost more: every session ends, and the link with it.
        return await table.ChangeAsync(
                """
                with used as (delete from app_user_link where hash = $1 and expires_at > $2 returning user_id)
                update app_user u
                set password_hash = $3, security_stamp = $4, failed_attempts = 0, locked_until = null
                from used where u.id = used.user_id
                """,
                cancellationToken,
                UserTable.Hash(token),
                time.GetUtcNow(),
                hash,
                UserTable.NewStamp()
            ) == 1;
    }

    public async Task<bool> ChangePasswordAsync(
        Guid user,
        string oldPassword,
        string newPassword,
        CancellationToken cancellationToken = default
    )
    {
        if (!await IsPasswordAsync(user, oldPassword, cancellationToken))
            return false;
        var email = (await table.FindAsync(user, cancellationToken))!.Info.Email;
        return await table.ChangeAsync(
                "update app_user set password_hash = $2, security_stamp = $3 where id = $1",
                cancellationToken,
                user,
                hasher.HashPassword("", UserRules.Password(newPassword, email)),
                UserTable.NewStamp()
            ) == 1;
    }

    public async Task<NewTotp> NewTotpAsync(Guid user, CancellationToken cancellationToken = default)
    {
        var account = (await table.FindAsync(user, cancellationToken))?.Info.Email ?? "";
        var secret = Totp.NewSecret();
        return new NewTotp(secret, Totp.Uri(secret, account));
    }

    public async Task<bool> ConfirmTotpAsync(Guid user, string secret, string code, CancellationToken cancellationToken = default) =>
        Totp.StepOf(secret, code, time.GetUtcNow(), after: 0) is { } step
        && await table.ChangeAsync(
            "update app_user set sealed_totp = $2, totp_last_step = $3 where id = $1",
            cancellationToken,
            user,
            box.Seal(Purpose(user), secret),
            step
        ) == 1;

    public async Task<bool> RemoveTotpAsync(Guid user, string password, CancellationToken cancellationToken = default) =>
        await IsPasswordAsync(user, password, cancellationToken)
        && await table.ChangeAsync("update app_user set sealed_totp = null where id = $1", cancellationToken, user) == 1;

    // A session that somebody left open must not be a way to try passwords without end.
    private async Task<bool> IsPasswordAsync(Guid id, string password, CancellationToken cancellationToken)
    {
        if (await table.FindAsync(id, cancellationToken) is not { PasswordHash: { } hash } user || user.Info.LockedUntil > time.GetUtcNow())
            return false;
        if (hasher.VerifyHashedPassword("", hash, password) != PasswordVerificationResult.Failed)
            return true;
        await FailedAsync(user, SignInOutcome.Refused, cancellationToken);
        return false;
    }

    private async Task<SignIn> FailedAsync(StoredUser user, SignInOutcome outcome, CancellationToken cancellationToken)
    {
        await table.ChangeAsync(
            """
            update app_user set
                failed_attempts = case when failed_attempts + 1 >= $2 then 0 else failed_attempts + 1 end,
                locked_until = case when failed_attempts + 1 >= $2 then $3 else locked_until end
            where id = $1
            """,
            cancellationToken,
            user.Info.Id,
            AttemptsBeforeLock,
            time.GetUtcNow() + LockLasts
        );
        return new SignIn(outcome);
    }

    private async Task<bool> UseStepAsync(Guid user, long step, CancellationToken cancellationToken) =>
        await table.ChangeAsync(
            "update app_user set totp_last_step = $2 where id = $1 and totp_last_step < $2",
            cancellationToken,
            user,
            step
        ) == 1;

    private Task<int> HashAnewAsync(Guid user, string password, CancellationToken cancellationToken) =>
        table.ChangeAsync(
            "update app_user set password_hash = $2 where id = $1",
            cancellationToken,
            user,
            hasher.HashPassword("", password)
        );

    private async Task<(Guid Id, string Email)?> OwnerAsync(string token, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var select = connection.Command(
            "select u.id, u.email from app_user_link l join app_user u on u.id = l.user_id where l.hash = $1 and l.expires_at > $2",
            UserTable.Hash(token),
            time.GetUtcNow()
        );
        var owners = await select.ListAsync(row => (row.GetGuid(0), row.GetString(1)), cancellationToken);
        return owners.Count == 0 ? null : owners[0];
    }
}
