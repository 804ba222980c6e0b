using System.Runtime.InteropServices;
using Npgsql;
using TrackAi.Analytics.Days;
using TrackAi.EventStore;

namespace TrackAi.Analytics.Projections;

/// <summary>
/// Builds the figures a day. Every conversion is in exactly one cell: a stretch of the log takes each conversion it touches out of the cell it was in
/// before and puts it into the one it is in after, both told from the conversion's own events by the rules of <see cref="StatusFold"/>.
/// </summary>
internal sealed class DispatchSummaryProjection : ISetProjection
{
    public const string ProjectionName = "DispatchSummary";

    public string Name => ProjectionName;

    // 2: by funnel. 3: a day is one row. 4: amounts rounded.
    public int Version => 4;

    public IReadOnlyCollection<Type> EventTypes => StatusReader.Figures.EventTypes;

    public IReadOnlyList<string> Tables { get; } = [ConversionDays.Table.Name, AttemptDays.Table.Name];

    public async Task<SetChange> ReadAsync(LogRange range, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var fold = new StatusFold();
        var begun = new Dictionary<ConversionKey, Begun>();
        var (events, tried) = (0L, new List<Tried>());
        await foreach (var (stream, version, said) in StatusReader.Figures.ReadAsync(range, connection, cancellationToken))
        {
            events++;
            if (said is not ConversionFact fact)
                continue;
            if (fact is Tried one)
                tried.Add(one);
            var standing = fold.Of(fact.Key, out var isNew);
            if (isNew && version > 1)
                begun.Add(fact.Key, new Begun(new StreamBefore(stream, version), []));
            if (begun.Count > 0 && begun.TryGetValue(fact.Key, out var waits))
                waits.Facts.Add(fact);
            else
                standing.Apply(fact);
        }

        await ApplyAsync(begun, fold, range.Skipped, connection, cancellationToken);
        var days = await TenantDays.OfLogAsync(fold.Standings.Keys.Select(key => key.TenantId), connection, cancellationToken);
        var (moves, tries) = (MovesOf(fold, days), TriesOf(tried, days));
        return new SetChange(events, (write, token) => WriteAsync(moves, tries, write, token));
    }

    // Of conversions that began before the stretch, first what they were.
    private static async Task ApplyAsync(
        Dictionary<ConversionKey, Begun> begun,
        StatusFold fold,
        IReadOnlyList<long> skipped,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        if (begun.Count == 0)
            return;
        var before = begun.Values.Select(one => one.Before).ToArray();
        await foreach (var older in StatusReader.Figures.ReadBeforeAsync(before, skipped, connection, cancellationToken))
            if (older.Fact is ConversionFact fact)
                fold.Apply(fact);
        foreach (var (key, one) in begun)
        {
            var standing = fold.Standings[key];
            standing.Settle();
            foreach (var fact in one.Facts)
                standing.Apply(fact);
        }
    }

    private static List<DayCell<ConversionCell>> MovesOf(StatusFold fold, TenantDays days)
    {
        var sums = new Dictionary<(TenantDay Day, ConversionCell Cell), DaySum>();
        foreach (var (key, standing) in fold.Standings)
        {
            Add(key, standing.Before, -1);
            Add(key, standing.Now, 1);
        }

        return
        [
            .. sums.Where(one => one.Value != default).Select(one => new DayCell<ConversionCell>(one.Key.Day, one.Key.Cell, one.Value)),
        ];

        void Add(ConversionKey key, ConversionState? conversion, int sign)
        {
            if (conversion is null)
                return;
            var day = new TenantDay(key.TenantId, days.DayOf(key.TenantId, conversion.ReceivedAt));
            CollectionsMarshal.GetValueRefOrAddDefault(sums, (day, ConversionCell.Of(conversion)), out _) += new DaySum(
                sign,
                sign * conversion.Amount
            );
        }
    }

    private static List<DayCell<AttemptCell>> TriesOf(IEnumerable<Tried> tried, TenantDays days)
    {
        var sums = new Dictionary<(TenantDay Day, AttemptCell Cell), DaySum>();
        foreach (var one in tried)
        {
            var day = new TenantDay(one.TenantId, days.DayOf(one.TenantId, one.AttemptedAt));
            var bucket = one.IsAnswered ? Latency.Bucket(one.LatencyMs) : Latency.NoAnswer;
            CollectionsMarshal.GetValueRefOrAddDefault(
                sums,
                (day, new AttemptCell(one.Gateway, one.Status, one.Reason ?? "", bucket)),
                out _
            ) += new DaySum(1, Latency.Milliseconds(one.LatencyMs));
        }

        return [.. sums.Select(one => new DayCell<AttemptCell>(one.Key.Day, one.Key.Cell, one.Value))];
    }

    private static async Task WriteAsync(
        IReadOnlyCollection<DayCell<ConversionCell>> moves,
        IReadOnlyCollection<DayCell<AttemptCell>> tries,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        await ConversionDays.Table.AddAsync(moves, connection, cancellationToken);
        await AttemptDays.Table.AddAsync(tries, connection, cancellationToken);
    }

    /// <summary>What is to be applied to a conversion once it is known what it was.</summary>
    private readonly record struct Begun(StreamBefore Before, List<ConversionFact> Facts);
}
