using System.Security.Cryptography;
using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Microsoft.AspNetCore.DataProtection.XmlEncryption;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Npgsql;
using TrackAi.Contracts;

namespace TrackAi.Privacy.Cookies;

/// <summary>
/// ASP.NET Core's keys for cookies and forms, in Postgres: what one host issued every host takes. What is secret of a key is sealed under the master key.
/// https://learn.microsoft.com/aspnet/core/security/data-protection/extensibility/key-management
/// </summary>
internal sealed class DataProtectionKeys(NpgsqlDataSource database, ISecretBox box, TimeProvider time) : IXmlRepository, IHoldSecrets
{
    // The framework asks in its own time, and not asynchronously.
    public IReadOnlyCollection<XElement> GetAllElements()
    {
        using var select = database.CreateCommand("select xml from data_protection_key order by created_at, name");
        using var reader = select.ExecuteReader();
        var elements = new List<XElement>();
        while (reader.Read())
            elements.Add(XElement.Parse(reader.GetString(0)));
        return elements;
    }

    public void StoreElement(XElement element, string friendlyName)
    {
        using var insert = database.CreateCommand("insert into data_protection_key (name, xml, created_at) values ($1, $2, $3)");
        insert.Parameters.Add(new() { Value = friendlyName });
        insert.Parameters.Add(new() { Value = element.ToString(SaveOptions.DisableFormatting) });
        insert.Parameters.Add(new() { Value = time.GetUtcNow() });
        insert.ExecuteNonQuery();
    }

    public async Task<long> ResealAsync(CancellationToken cancellationToken)
    {
        var resealed = 0L;
        foreach (var (name, xml) in await ReadAsync(cancellationToken))
        {
            var element = XElement.Parse(xml);
            foreach (var part in element.Descendants(SealedXml.Element).ToArray())
                part.ReplaceWith(SealedXml.Seal(box, SealedXml.Open(box, part)));
            await using var update = database.CreateCommand("update data_protection_key set xml = $2 where name = $1 and xml = $3");
            update.Parameters.Add(new() { Value = name });
            update.Parameters.Add(new() { Value = element.ToString(SaveOptions.DisableFormatting) });
            update.Parameters.Add(new() { Value = xml });
            resealed += await update.ExecuteNonQueryAsync(cancellationToken);
        }

        return resealed;
    }

    public async Task<IReadOnlyList<string>> FindUnopenedAsync(CancellationToken cancellationToken) =>
        [
            .. from row in await ReadAsync(cancellationToken)
            where !XElement.Parse(row.Xml).Descendants(SealedXml.Element).All(Opens)
            select $"The key of cookies '{row.Name}' does not open. Delete it from data_protection_key; who is signed in by it signs in again.",
        ];

    private bool Opens(XElement part)
    {
        try
        {
            SealedXml.Open(box, part);
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private async Task<IReadOnlyList<(string Name, string Xml)>> ReadAsync(CancellationToken cancellationToken)
    {
        var rows = new List<(string Name, string Xml)>();
        await using var select = database.CreateCommand("select name, xml from data_protection_key");
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            rows.Add((reader.GetString(0), reader.GetString(1)));
        return rows;
    }
}

/// <summary>An element of XML whose content only the master key opens.</summary>
internal static class SealedXml
{
    public const string Element = "sealed";
    private const string Purpose = "data-protection-key";

    public static XElement Seal(ISecretBox box, XElement plain) =>
        new(Element, Convert.ToBase64String(box.Seal(Purpose, plain.ToString(SaveOptions.DisableFormatting))));

    public static XElement Open(ISecretBox box, XElement @sealed) =>
        XElement.Parse(box.Open(Purpose, Convert.FromBase64String(@sealed.Value)));
}

internal sealed class SealingXmlEncryptor(ISecretBox box) : IXmlEncryptor
{
    public EncryptedXmlInfo Encrypt(XElement plaintextElement) => new(SealedXml.Seal(box, plaintextElement), typeof(SealedXmlDecryptor));
}

/// <summary>Made by the framework, by the name that stands in the stored key: it is not renamed.</summary>
internal sealed class SealedXmlDecryptor(IServiceProvider services) : IXmlDecryptor
{
    public XElement Decrypt(XElement encryptedElement) => SealedXml.Open(services.GetRequiredService<ISecretBox>(), encryptedElement);
}

/// <summary>Puts the framework's keys where ours are.</summary>
internal sealed class KeysInPostgres(DataProtectionKeys keys, ISecretBox box) : IConfigureOptions<KeyManagementOptions>
{
    public void Configure(KeyManagementOptions options) =>
        (options.XmlRepository, options.XmlEncryptor) = (keys, new SealingXmlEncryptor(box));
}
