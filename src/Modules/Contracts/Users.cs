namespace TrackAi.Contracts;

/// <summary>What a user may do in one tenant.</summary>
public enum TenantRole
{
    /// <summary>Looks, and changes nothing.</summary>
    Viewer,

    /// <summary>Also changes settings, redrives, discards and invites.</summary>
    Owner,
}

public sealed record Membership(string TenantId, TenantRole Role);

/// <summary>A person who may sign in.</summary>
/// <param name="IsOperator">Runs the installation: sees and may change every tenant.</param>
/// <param name="HasPassword">False until the invitation was followed.</param>
public sealed record UserInfo(
    Guid Id,
    string Email,
    string Name,
    bool IsOperator,
    IReadOnlyList<Membership> Tenants,
    bool HasPassword,
    bool HasTotp,
    DateTimeOffset CreatedAt,
    DateTimeOffset? LastSignedInAt,
    DateTimeOffset? LockedUntil
);

/// <summary>Who a session belongs to, as the tables say now.</summary>
/// <param name="Stamp">Changes whenever every session of the user has to end.</param>
public sealed record SignedInUser(Guid Id, string Email, string Name, string Stamp, bool IsOperator, IReadOnlyList<Membership> Tenants)
{
    /// <summary>Null for a tenant that the user must not know of.</summary>
    public TenantRole? RoleIn(string tenant) =>
        IsOperator ? TenantRole.Owner : Tenants.FirstOrDefault(membership => membership.TenantId == tenant)?.Role;
}

public enum SignInOutcome
{
    SignedIn,

    /// <summary>No such user, no password yet, or another password: nobody is told which.</summary>
    Refused,

    /// <summary>Too many wrong passwords; nothing is looked at before <see cref="SignIn.LockedUntil"/>.</summary>
    LockedOut,

    /// <summary>The password is right; the code of the authenticator is missing or wrong.</summary>
    CodeNeeded,
}

public sealed record SignIn(SignInOutcome Outcome, SignedInUser? User = null, DateTimeOffset? LockedUntil = null);

/// <summary>A link that sets a password, once. <paramref name="Token"/> is shown this once: only its hash is stored.</summary>
public sealed record OneTimeLink(Guid UserId, string Token, DateTimeOffset ExpiresAt)
{
    /// <summary>Below the host's own address.</summary>
    public string Path => $"/set-password?token={Token}";

    /// <summary>Never prints the token.</summary>
    public override string ToString() => $"One-time link of {UserId}";
}

/// <summary>A secret that an authenticator app is given (RFC 6238), not yet in force.</summary>
public sealed record NewTotp(string Secret, string Uri)
{
    /// <summary>Never prints the secret.</summary>
    public override string ToString() => "A new authenticator";
}

/// <summary>
/// People who sign in, their passwords and their tenants. Changes are in the tenants' logs, under the user's id and never an e-mail address.
/// Refuses with <see cref="TenantChangeRefusedException"/>. Implemented by Tenancy.
/// </summary>
public interface IUsers
{
    /// <summary>Adds a user, or adds a tenant to a user that is there; returns the link for who has no password yet.</summary>
    /// <param name="tenant">Null for an operator.</param>
    Task<(UserInfo User, OneTimeLink? Invitation)> InviteAsync(
        string email,
        string? name,
        string? tenant,
        TenantRole role,
        CancellationToken cancellationToken = default
    );

    /// <summary>A link by which a user sets another password.</summary>
    Task<OneTimeLink> ResetAsync(string email, CancellationToken cancellationToken = default);

    /// <param name="tenant">Null for all users.</param>
    Task<IReadOnlyList<UserInfo>> ListAsync(string? tenant, CancellationToken cancellationToken = default);

    Task<bool> SetRoleAsync(Guid user, string tenant, TenantRole role, CancellationToken cancellationToken = default);

    /// <summary>Takes a tenant away from a user; every session of theirs ends.</summary>
    Task<bool> RemoveAsync(Guid user, string tenant, CancellationToken cancellationToken = default);

    /// <summary>Ends every session of a user.</summary>
    Task SignOutEverywhereAsync(Guid user, CancellationToken cancellationToken = default);

    /// <summary>Names of users by id, for pages that show who did something.</summary>
    Task<IReadOnlyDictionary<Guid, string>> NamesAsync(IReadOnlyCollection<Guid> users, CancellationToken cancellationToken = default);
}

/// <summary>Passwords, authenticators and sessions. Implemented by Tenancy.</summary>
public interface ISignIns
{
    Task<SignIn> SignInAsync(string email, string password, string? code, CancellationToken cancellationToken = default);

    /// <summary>As the tables say now; null for a user that is gone.</summary>
    Task<SignedInUser?> FindAsync(Guid user, CancellationToken cancellationToken = default);

    /// <summary>Whose link it is: the e-mail address; null for one that was used, ran out or never was.</summary>
    Task<string?> FindLinkAsync(string token, CancellationToken cancellationToken = default);

    /// <summary>Follows a one-time link. Refuses a password that is too easy with <see cref="TenantChangeRefusedException"/>; false for a dead link.</summary>
    Task<bool> SetPasswordAsync(string token, string password, CancellationToken cancellationToken = default);

    /// <summary>False where the old password is not the one. Every other session ends.</summary>
    Task<bool> ChangePasswordAsync(Guid user, string oldPassword, string newPassword, CancellationToken cancellationToken = default);

    Task<NewTotp> NewTotpAsync(Guid user, CancellationToken cancellationToken = default);

    /// <summary>Puts an authenticator in force once it shows the right code.</summary>
    Task<bool> ConfirmTotpAsync(Guid user, string secret, string code, CancellationToken cancellationToken = default);

    Task<bool> RemoveTotpAsync(Guid user, string password, CancellationToken cancellationToken = default);
}
