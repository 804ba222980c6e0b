using System.Security.Cryptography;
using System.Text;
using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Tenancy;

/// <summary>What is stored of a user beside what anybody is shown.</summary>
internal sealed record StoredUser(
    UserInfo Info,
    string? PasswordHash,
    string Stamp,
    byte[]? SealedTotp,
    long TotpLastStep,
    int FailedAttempts
)
{
    public SignedInUser SignedIn => new(Info.Id, Info.Email, Info.Name, Stamp, Info.IsOperator, Info.Tenants);
}

/// <summary>Reads users; their changes stand beside what they are for.</summary>
internal sealed class UserTable(NpgsqlDataSource database)
{
    private const string Select = """
        select
            u.id, u.email, u.name, u.is_operator, u.password_hash, u.security_stamp, u.sealed_totp, u.totp_last_step, u.failed_attempts, u.created_at,
            u.last_signed_in_at, u.locked_until,
            array(select t.tenant_id from app_user_tenant t where t.user_id = u.id order by t.tenant_id),
            array(select t.role from app_user_tenant t where t.user_id = u.id order by t.tenant_id)
        from app_user u
        """;

    public async Task<StoredUser?> FindAsync(Guid id, CancellationToken cancellationToken) =>
        (await ListAsync("where u.id = $1", id, cancellationToken)).SingleOrDefault();

    public async Task<StoredUser?> FindAsync(string email, CancellationToken cancellationToken) =>
        (await ListAsync("where u.email = $1", email, cancellationToken)).SingleOrDefault();

    public Task<IReadOnlyList<StoredUser>> ListAsync(string? tenant, CancellationToken cancellationToken) =>
        tenant is null
            ? ListAsync("where $1 order by u.email", true, cancellationToken)
            : ListAsync(
                "where exists (select from app_user_tenant t where t.user_id = u.id and t.tenant_id = $1) order by u.email",
                tenant,
                cancellationToken
            );

    public async Task<int> ChangeAsync(string sql, CancellationToken cancellationToken, params object?[] parameters)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var command = connection.Command(sql, parameters);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public static string NewStamp() => RandomNumberGenerator.GetHexString(32, lowercase: true);

    public static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    private async Task<IReadOnlyList<StoredUser>> ListAsync(string where, object parameter, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var select = connection.Command($"{Select} {where}", parameter);
        return await select.ListAsync(ToUser, cancellationToken);
    }

    private static StoredUser ToUser(NpgsqlDataReader row) =>
        new(
            new UserInfo(
                row.GetGuid(0),
                row.GetString(1),
                row.GetString(2),
                row.GetBoolean(3),
                [
                    .. row.GetFieldValue<string[]>(12)
                        .Zip(
                            row.GetFieldValue<string[]>(13),
                            (tenant, role) => new Membership(tenant, role == "owner" ? TenantRole.Owner : TenantRole.Viewer)
                        ),
                ],
                HasPassword: !row.IsDBNull(4),
                HasTotp: !row.IsDBNull(6),
                row.Time(9),
                row.TimeOrNull(10),
                row.TimeOrNull(11)
            ),
            row.TextOrNull(4),
            row.GetString(5),
            row.IsDBNull(6) ? null : row.GetFieldValue<byte[]>(6),
            row.GetInt64(7),
            row.GetInt32(8)
        );
}
