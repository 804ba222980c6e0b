using Microsoft.AspNetCore.Components.Authorization;
using TrackAi.Contracts;

namespace TrackAi.Dashboard.Access;

/// <summary>A tenant that the user of this session may look at. Only <see cref="TenantAccess"/> makes one.</summary>
internal sealed class SeenTenant
{
    private SeenTenant(Tenant tenant, TenantRole role, SignedInUser user) => (Tenant, Role, User) = (tenant, role, user);

    public Tenant Tenant { get; }

    public TenantRole Role { get; }

    public SignedInUser User { get; }

    public string Slug => Tenant.Slug;

    public bool MayChange => Role == TenantRole.Owner;

    public TimeZoneInfo Zone => TimeZoneInfo.FindSystemTimeZoneById(Tenant.TimeZone);

    public static SeenTenant? Of(SignedInUser user, Tenant? tenant) =>
        tenant is not null && user.RoleIn(tenant.Slug) is { } role ? new SeenTenant(tenant, role, user) : null;
}

/// <summary>
/// The one place that says what a user may see: every page and every action asks here, each time, and gets what the tables say at that moment. A user
/// whose session was ended, or who lost a tenant, is a stranger from then on, whatever their browser still shows.
/// </summary>
internal sealed class TenantAccess(
    AuthenticationStateProvider states,
    ISignIns signIns,
    ITenantDirectory directory,
    ITenantAdministration tenants
)
{
    public async Task<SignedInUser?> UserAsync(CancellationToken cancellationToken = default) =>
        await SessionCookie.FindUserAsync((await states.GetAuthenticationStateAsync()).User, signIns, cancellationToken);

    /// <summary>Null for a tenant that the user must not know of, whether there is one or not.</summary>
    public async Task<SeenTenant?> FindAsync(string slug, CancellationToken cancellationToken = default) =>
        await UserAsync(cancellationToken) is { } user ? SeenTenant.Of(user, directory.Find(slug)) : null;

    public async Task<IReadOnlyList<SeenTenant>> ListAsync(CancellationToken cancellationToken = default)
    {
        if (await UserAsync(cancellationToken) is not { } user)
            return [];
        var slugs = user.IsOperator
            ? (await tenants.ListAsync(cancellationToken)).Select(tenant => tenant.Slug)
            : user.Tenants.Select(membership => membership.TenantId);
        return [.. slugs.Select(slug => SeenTenant.Of(user, directory.Find(slug))).OfType<SeenTenant>()];
    }

    /// <summary>Does something in a tenant on behalf of the user, who must be its owner at this moment; it goes into the log as theirs.</summary>
    public async Task<T> ActAsync<T>(string slug, Func<SeenTenant, Task<T>> action, CancellationToken cancellationToken = default)
    {
        if (await FindAsync(slug, cancellationToken) is not { MayChange: true } seen)
            throw new NotAllowedException();
        using var actor = Actor.Is(Actor.User(seen.User.Id));
        return await action(seen);
    }

    public async Task ActAsync(string slug, Func<SeenTenant, Task> action, CancellationToken cancellationToken = default) =>
        await ActAsync(
            slug,
            async seen =>
            {
                await action(seen);
                return true;
            },
            cancellationToken
        );

    /// <summary>Does something to the installation as a whole.</summary>
    public async Task<T> OperateAsync<T>(Func<SignedInUser, Task<T>> action, CancellationToken cancellationToken = default)
    {
        if (await UserAsync(cancellationToken) is not { IsOperator: true } user)
            throw new NotAllowedException();
        using var actor = Actor.Is(Actor.User(user.Id));
        return await action(user);
    }
}

/// <summary>The user may not do this, or not any more.</summary>
internal sealed class NotAllowedException() : Exception("You may not do this.");
