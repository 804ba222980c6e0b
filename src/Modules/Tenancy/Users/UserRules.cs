using System.Net.Mail;
using TrackAi.Contracts;

namespace TrackAi.Tenancy;

/// <summary>What an address and a password have to be.</summary>
internal static class UserRules
{
    public const int ShortestPassword = 12;
    private const int LongestPassword = 200;
    private const int LongestEmail = 254;
    private const int FewestCharacters = 5;

    // What people take when twelve characters are asked for; with a digit or two behind, too.
    private static readonly string[] Common =
    [
        "password",
        "senha",
        "qwerty",
        "123456",
        "abcdef",
        "trackai",
        "letmein",
        "iloveyou",
        "adminadmin",
        "mudar",
        "brasil",
        "flamengo",
    ];

    public static string Email(string email)
    {
        var trimmed = email.Trim().ToLowerInvariant();
        return trimmed.Length <= LongestEmail && MailAddress.TryCreate(trimmed, out var address) && address.Address == trimmed
            ? trimmed
            : throw Refused("email", "That is no e-mail address; give one such as ana@loja.com.br.");
    }

    /// <summary>Long rather than odd: https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver</summary>
    public static string Password(string password, string email)
    {
        if (password.Length is < ShortestPassword or > LongestPassword)
            throw Refused("password", $"Use {ShortestPassword} to {LongestPassword} characters; a few words in a row are easy to keep.");
        var lower = password.ToLowerInvariant();
        if (lower.Distinct().Count() < FewestCharacters)
            throw Refused("password", "Those are the same few characters again and again; use others.");
        if (lower.Contains(email.Split('@')[0], StringComparison.Ordinal))
            throw Refused("password", "It contains the e-mail address; use something else.");
        if (Common.Any(word => lower.Contains(word, StringComparison.Ordinal) && lower.Length - word.Length < 8))
            throw Refused("password", "That is among the first that are tried; use something else.");
        return password;
    }

    private static TenantChangeRefusedException Refused(string field, string message) => new(TenantRefusal.Invalid, field, message);
}
