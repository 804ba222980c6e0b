using System.Security.Cryptography;
using Npgsql;
using TrackAi.EventStore;

namespace TrackAi.Privacy;

/// <summary>
/// What the keys of look-ups are derived from. It stays the same when the master key changes, or nobody would be recognised any more: it lies in the
/// database, sealed under the master key. That it opens also tells that the master key is this database's.
/// </summary>
internal sealed class LookupRoot(MasterKey master, NpgsqlDataSource database, RandomNumberGenerator random)
{
    private const byte Format = 1;
    private const string Context = "installation-key|lookup";
    private const string Label = "trackai/installation/v1";

    public const string WrongKey =
        "Secrets:MasterKey is not the key that this database was sealed under. Set the one it was sealed under; while one follows the other, the second is Secrets:OtherMasterKey.";

    private readonly byte[] key = master.Derive(Label);
    private readonly byte[]? other = master.Other?.Derive(Label);
    private readonly Lock reading = new();
    private byte[]? value;

    /// <summary>Read once, at the first use. Throws <see cref="InvalidOperationException"/> under a wrong master key.</summary>
    public byte[] Value
    {
        get
        {
            lock (reading)
                return value ??= Open(Find() ?? Make());
        }
    }

    /// <summary>
    /// Throws <see cref="InvalidOperationException"/> when the master key is not this database's. A database that had none yet takes this one: the
    /// first thing sealed in it decides.
    /// </summary>
    public void AssertKey() => _ = Value;

    /// <summary>Seals it under the master key alone; false when it was.</summary>
    public bool Rotate()
    {
        var found = Find() ?? Make();
        try
        {
            Aead.Open(Format, key, Context, found);
            return false;
        }
        catch (CryptographicException)
        {
            using var update = database.CreateCommand("update installation_key set sealed = $1 where name = 'lookup'");
            update.Parameters.Add(new() { Value = Aead.Seal(Format, key, Context, Open(found), random) });
            update.ExecuteNonQuery();
            return true;
        }
    }

    private byte[] Open(byte[] found)
    {
        try
        {
            return Aead.Open(Format, key, other, Context, found);
        }
        catch (CryptographicException mismatch)
        {
            throw new InvalidOperationException(WrongKey, mismatch);
        }
    }

    private byte[]? Find()
    {
        using var select = database.CreateCommand("select sealed from installation_key where name = 'lookup'");
        return (byte[]?)select.ExecuteScalar();
    }

    // Of two hosts that start on a new database, the first one's stands; both have the same master key.
    private byte[] Make()
    {
        using var insert = database.CreateCommand(
            "insert into installation_key (name, sealed) values ('lookup', $1) on conflict do nothing"
        );
        insert.Parameters.Add(new() { Value = Aead.Seal(Format, key, Context, KeyOfThisDatabase().Root, random) });
        insert.ExecuteNonQuery();
        return Find()!;
    }

    // A database from before this table: what lies in it tells which key is its own.
    private MasterKey KeyOfThisDatabase()
    {
        using var select = database.CreateCommand(
            "select tenant_id, stream_id, wrapped_key from stream_key where wrapped_key is not null limit 1"
        );
        using var reader = select.ExecuteReader();
        if (!reader.Read())
            return master;
        var context = PersonalData.Context(new StreamId(reader.GetString(0), reader.GetString(1)));
        var wrapped = reader.GetFieldValue<byte[]>(2);
        return new[] { master, master.Other }
                .OfType<MasterKey>()
                .FirstOrDefault(one => new KeyWrapping(one, random).IsCurrent(context, wrapped))
            ?? throw new InvalidOperationException(WrongKey);
    }
}
