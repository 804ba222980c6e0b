using System.Buffers.Text;
using System.Security.Cryptography;
using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Tenancy;

/// <inheritdoc cref="IUsers"/>
internal sealed class Users(UserTable table, TenantChanges changes, NpgsqlDataSource database, Ids ids, TimeProvider time) : IUsers
{
    private static readonly TimeSpan LinkLasts = TimeSpan.FromHours(48);

    public async Task<(UserInfo User, OneTimeLink? Invitation)> InviteAsync(
        string email,
        string? name,
        string? tenant,
        TenantRole role,
        CancellationToken cancellationToken = default
    )
    {
        var address = UserRules.Email(email);
        var label = TenantRules.Name(string.IsNullOrWhiteSpace(name) ? address.Split('@')[0] : name);
        var id = ids.New();
        var isNew =
            await table.ChangeAsync(
                """
                insert into app_user (id, email, name, is_operator, security_stamp, created_at) values ($1, $2, $3, $4, $5, $6)
                on conflict (email) do nothing
                """,
                cancellationToken,
                id,
                address,
                label,
                tenant is null,
                UserTable.NewStamp(),
                time.GetUtcNow()
            ) == 1;
        var user = await RequiredAsync(address, cancellationToken);
        if (!isNew && tenant is null)
            throw new TenantChangeRefusedException(
                TenantRefusal.Exists,
                "email",
                $"{address} is a user already; 'users reset {address}' makes a link that sets a password."
            );
        if (tenant is not null)
            await SetRoleAsync(user.Info.Id, tenant, role, cancellationToken);
        var invitation = user.Info.HasPassword ? null : await NewLinkAsync(user.Info.Id, cancellationToken);
        return ((await RequiredAsync(address, cancellationToken)).Info, invitation);
    }

    public async Task<OneTimeLink> ResetAsync(string email, CancellationToken cancellationToken = default) =>
        await NewLinkAsync((await RequiredAsync(UserRules.Email(email), cancellationToken)).Info.Id, cancellationToken);

    public async Task<IReadOnlyList<UserInfo>> ListAsync(string? tenant, CancellationToken cancellationToken = default) =>
        [.. (await table.ListAsync(tenant, cancellationToken)).Select(user => user.Info)];

    public Task<bool> SetRoleAsync(Guid user, string tenant, TenantRole role, CancellationToken cancellationToken = default)
    {
        var word = role == TenantRole.Owner ? "owner" : "viewer";
        return changes.MakeAsync(
            tenant,
            async change =>
            {
                if (change.State.Name is null)
                    throw TenantChanges.UnknownTenant(tenant);
                await using var upsert = change.Connection.Command(
                    """
                    insert into app_user_tenant (user_id, tenant_id, role) values ($1, $2, $3)
                    on conflict (user_id, tenant_id) do update set role = excluded.role where app_user_tenant.role <> excluded.role
                    """,
                    user,
                    tenant,
                    word
                );
                return await upsert.ExecuteNonQueryAsync(cancellationToken) == 0 ? [] : [new MemberSet(user, word, time.GetUtcNow())];
            },
            cancellationToken
        );
    }

    public Task<bool> RemoveAsync(Guid user, string tenant, CancellationToken cancellationToken = default) =>
        changes.MakeAsync(
            tenant,
            async change =>
            {
                await using var delete = change.Connection.Command(
                    """
                    with gone as (delete from app_user_tenant where user_id = $1 and tenant_id = $2 returning user_id)
                    update app_user u set security_stamp = $3 from gone where u.id = gone.user_id
                    """,
                    user,
                    tenant,
                    UserTable.NewStamp()
                );
                return await delete.ExecuteNonQueryAsync(cancellationToken) == 0 ? [] : [new MemberRemoved(user, time.GetUtcNow())];
            },
            cancellationToken
        );

    public Task SignOutEverywhereAsync(Guid user, CancellationToken cancellationToken = default) =>
        table.ChangeAsync("update app_user set security_stamp = $2 where id = $1", cancellationToken, user, UserTable.NewStamp());

    public async Task<IReadOnlyDictionary<Guid, string>> NamesAsync(
        IReadOnlyCollection<Guid> users,
        CancellationToken cancellationToken = default
    )
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var select = connection.Command("select id, name from app_user where id = any($1)", users.ToArray());
        return (await select.ListAsync(row => (Id: row.GetGuid(0), Name: row.GetString(1)), cancellationToken)).ToDictionary(
            row => row.Id,
            row => row.Name
        );
    }

    private async Task<StoredUser> RequiredAsync(string email, CancellationToken cancellationToken) =>
        await table.FindAsync(email, cancellationToken)
        ?? throw new TenantChangeRefusedException(TenantRefusal.NotFound, "email", $"There is no user {email}; see 'users list'.");

    private async Task<OneTimeLink> NewLinkAsync(Guid user, CancellationToken cancellationToken)
    {
        var link = new OneTimeLink(user, Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)), time.GetUtcNow() + LinkLasts);
        await table.ChangeAsync(
            """
            insert into app_user_link (user_id, hash, expires_at) values ($1, $2, $3)
            on conflict (user_id) do update set hash = excluded.hash, expires_at = excluded.expires_at
            """,
            cancellationToken,
            user,
            UserTable.Hash(link.Token),
            link.ExpiresAt
        );
        return link;
    }
}
