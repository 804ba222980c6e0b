using System.Text;
using System.Text.Json;

namespace TrackAi.MetaStandIn;

/// <summary>An event that Meta took.</summary>
/// <param name="Json">The event as it was sent.</param>
/// <param name="TokenFingerprint">Tells tokens apart without keeping them, <see cref="MetaStandInServer.Fingerprint"/>.</param>
/// <param name="Times">How often the same event_name and event_id reached the pixel.</param>
public sealed record ReceivedEvent(
    string Pixel,
    string EventName,
    string? EventId,
    string Json,
    string TokenFingerprint,
    string? TestEventCode,
    DateTimeOffset FirstReceivedAt,
    DateTimeOffset LastReceivedAt,
    int Times
)
{
    /// <summary>The event, parsed.</summary>
    public JsonElement Event => JsonElement.Parse(Json);
}

/// <summary>What was received, also across restarts when it has a file. One JSON line for each arrival.</summary>
internal sealed class Ledger : IDisposable
{
    private readonly Lock gate = new();
    private readonly List<ReceivedEvent> events = [];
    private readonly Dictionary<(string Pixel, string Name, string Id), int> places = [];
    private readonly FileStream? file;
    private IReadOnlyList<ReceivedEvent>? snapshot;
    private int duplicates;

    public Ledger(string? path)
    {
        if (path is null)
            return;
        file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        file.SetLength(Reload());
        file.Seek(0, SeekOrigin.End);
    }

    public IReadOnlyList<ReceivedEvent> Received
    {
        get
        {
            lock (gate)
                return snapshot ??= [.. events];
        }
    }

    public int Count
    {
        get
        {
            lock (gate)
                return events.Count;
        }
    }

    public int Duplicates
    {
        get
        {
            lock (gate)
                return duplicates;
        }
    }

    public void Add(IReadOnlyList<Arrival> arrivals)
    {
        lock (gate)
        {
            if (file is not null)
            {
                foreach (var arrival in arrivals)
                {
                    JsonSerializer.Serialize(file, arrival);
                    file.WriteByte((byte)'\n');
                }

                file.Flush();
            }

            foreach (var arrival in arrivals)
                Remember(arrival);
        }
    }

    private void Remember(Arrival arrival)
    {
        snapshot = null;
        var name = EventRules.Text(arrival.Event, "event_name") ?? "";
        var id = EventRules.Text(arrival.Event, "event_id");
        if (id is not null && places.TryGetValue((arrival.Pixel, name, id), out var place))
        {
            // Meta keeps the first of them; so does the ledger.
            events[place] = events[place] with
            {
                Times = events[place].Times + 1,
                LastReceivedAt = arrival.At,
            };
            duplicates++;
            return;
        }

        if (id is not null)
            places[(arrival.Pixel, name, id)] = events.Count;
        events.Add(
            new ReceivedEvent(
                arrival.Pixel,
                name,
                id,
                arrival.Event.GetRawText(),
                arrival.Token,
                arrival.TestEventCode,
                arrival.At,
                arrival.At,
                1
            )
        );
    }

    /// <summary>Reads what an earlier run wrote and returns where it ends: a line cut off by a kill was never acknowledged.</summary>
    private long Reload()
    {
        var end = 0L;
        using var reader = new StreamReader(file!, Encoding.UTF8, leaveOpen: true);
        var text = reader.ReadToEnd();
        for (int start = 0, stop; (stop = text.IndexOf('\n', start)) >= 0; start = stop + 1)
        {
            var line = text[start..stop];
            Remember(JsonSerializer.Deserialize<Arrival>(line) ?? throw new InvalidDataException("A line of the ledger is null."));
            end += Encoding.UTF8.GetByteCount(line) + 1;
        }

        return end;
    }

    public void Dispose() => file?.Dispose();

    /// <summary>One line of the file. <paramref name="Token"/> is the fingerprint.</summary>
    internal sealed record Arrival(DateTimeOffset At, string Pixel, string Token, string? TestEventCode, JsonElement Event);
}
