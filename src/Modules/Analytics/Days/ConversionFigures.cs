using System.Runtime.InteropServices;
using System.Text.Json;
using TrackAi.Analytics.Projections;

namespace TrackAi.Analytics.Days;

/// <summary>What people ask of a day's conversions, gone through once.</summary>
internal sealed class ConversionFigures
{
    private readonly Dictionary<string, long> statuses = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, SortedDictionary<string, long>> statusesOfGateways = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, decimal> revenue = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, decimal> reversed = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (long Matched, long Decided)> gateways = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> rules = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, decimal> revenueMatched = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, decimal> revenueUnmatched = new(StringComparer.Ordinal);
    private long total;
    private long genuine;
    private long matched;
    private long unmatched;

    public ConversionFigures(IEnumerable<(ConversionCell Cell, DaySum Sum)> cells)
    {
        foreach (var (cell, sum) in cells)
        {
            Count(cell, sum);
            if (!cell.IsTest)
                Judge(cell, sum);
        }
    }

    /// <summary>In the order of <c>conversion_day</c>'s columns.</summary>
    public IReadOnlyList<object?> Values =>
        [
            total,
            In(DispatchStatus.Sent),
            In(DispatchStatus.Failed),
            In(DispatchStatus.Skipped),
            In(DispatchStatus.Dead),
            In(DispatchStatus.Waiting),
            JsonSerializer.Serialize(statusesOfGateways),
            Amounts(revenue),
            Amounts(reversed),
            genuine,
            matched,
            unmatched,
            Rates(),
            JsonSerializer.Serialize(rules),
            Amounts(revenueMatched),
            Amounts(revenueUnmatched),
        ];

    private void Count(ConversionCell cell, DaySum sum)
    {
        total += sum.Count;
        CollectionsMarshal.GetValueRefOrAddDefault(statuses, cell.DispatchStatus, out _) += sum.Count;
        if (!statusesOfGateways.TryGetValue(cell.Gateway, out var ofGateway))
            statusesOfGateways.Add(cell.Gateway, ofGateway = new(StringComparer.Ordinal));
        ofGateway[cell.DispatchStatus] = ofGateway.GetValueOrDefault(cell.DispatchStatus) + sum.Count;
        if (cell.IsPaid)
            Add(revenue, cell, sum);
        else if (cell.IsReversed)
            Add(reversed, cell, sum);
    }

    private void Judge(ConversionCell cell, DaySum sum)
    {
        genuine += sum.Count;
        ref var gateway = ref CollectionsMarshal.GetValueRefOrAddDefault(gateways, cell.Gateway, out _);
        if (cell.IsMatched)
        {
            matched += sum.Count;
            gateway = (gateway.Matched + sum.Count, gateway.Decided + sum.Count);
            rules[cell.Match] = rules.GetValueOrDefault(cell.Match) + sum.Count;
        }
        else if (cell.Match == ConversionCell.Unmatched)
        {
            unmatched += sum.Count;
            gateway.Decided += sum.Count;
        }

        if (cell.IsPaid)
            Add(cell.IsMatched ? revenueMatched : revenueUnmatched, cell, sum);
    }

    private long In(string status) => statuses.GetValueOrDefault(status);

    private static void Add(SortedDictionary<string, decimal> amounts, ConversionCell cell, DaySum sum) =>
        amounts[cell.Currency] = amounts.GetValueOrDefault(cell.Currency) + sum.Amount;

    private static string Amounts(SortedDictionary<string, decimal> amounts) =>
        JsonSerializer.Serialize(
            amounts.Where(one => one.Value != 0).ToDictionary(one => one.Key, one => Decimals.Trimmed(one.Value), StringComparer.Ordinal)
        );

    // To two decimals, those that are zero too.
    private string Rates() =>
        JsonSerializer.Serialize(
            gateways
                .Where(one => one.Value.Decided != 0)
                .ToDictionary(
                    one => one.Key,
                    one => Math.Round(100m * one.Value.Matched / one.Value.Decided, 2, MidpointRounding.AwayFromZero) + 0.00m,
                    StringComparer.Ordinal
                )
        );
}
