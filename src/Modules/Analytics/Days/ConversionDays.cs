using NpgsqlTypes;
using TrackAi.Analytics.Projections;
using TrackAi.Contracts;

namespace TrackAi.Analytics.Days;

/// <summary>What a conversion is counted by. Every conversion is in exactly one cell of the day it reached us, and moves when it changes.</summary>
/// <param name="FunnelId">Empty for none.</param>
/// <param name="Match">The rule, <see cref="Unmatched"/> or <see cref="Undecided"/>.</param>
/// <param name="DispatchReason">Empty for none.</param>
internal readonly record struct ConversionCell(
    string Gateway,
    string FunnelId,
    string Kind,
    string State,
    string Currency,
    string Match,
    string DispatchStatus,
    string DispatchReason
)
{
    public const string Undecided = "undecided";
    public const string Unmatched = "unmatched";

    private static readonly string Test = Named<ConversionKind>.Of(ConversionKind.Test);
    private static readonly string[] PaidStates =
    [
        Named<PaymentState>.Of(PaymentState.Approved),
        Named<PaymentState>.Of(PaymentState.RefundRequested),
    ];
    private static readonly string[] ReversedStates =
    [
        Named<PaymentState>.Of(PaymentState.Refunded),
        Named<PaymentState>.Of(PaymentState.ChargedBack),
    ];

    /// <summary>Its sender marked it so: it says nothing about a shop.</summary>
    public bool IsTest => Kind == Test;

    public bool IsMatched => Match is not (Undecided or Unmatched);

    /// <summary>Its amount is revenue.</summary>
    public bool IsPaid => PaidStates.Contains(State);

    public bool IsReversed => ReversedStates.Contains(State);

    public static ConversionCell Of(ConversionState conversion) =>
        new(
            conversion.Gateway,
            conversion.FunnelId ?? "",
            conversion.Kind,
            conversion.State,
            conversion.Currency,
            conversion.Matched switch
            {
                null => Undecided,
                false => Unmatched,
                true => conversion.MatchRule!,
            },
            conversion.DispatchStatus,
            conversion.DispatchReason ?? ""
        );
}

/// <summary><c>conversion_day</c>: what became of the conversions of a day.</summary>
internal static class ConversionDays
{
    public static readonly DayTable<ConversionCell> Table = new(
        "conversion_day",
        new CellTable<ConversionCell>(
            "conversion_cell",
            cell =>
                [cell.Gateway, cell.FunnelId, cell.Kind, cell.State, cell.Currency, cell.Match, cell.DispatchStatus, cell.DispatchReason],
            rows =>
                rows.Text("gateway", one => one.Value.Gateway)
                    .Text("funnel_id", one => one.Value.FunnelId)
                    .Text("kind", one => one.Value.Kind)
                    .Text("state", one => one.Value.State)
                    .Text("currency", one => one.Value.Currency)
                    .Text("match", one => one.Value.Match)
                    .Text("dispatch_status", one => one.Value.DispatchStatus)
                    .Text("dispatch_reason", one => one.Value.DispatchReason),
            row =>
                new(
                    row.GetString(1),
                    row.GetString(2),
                    row.GetString(3),
                    row.GetString(4),
                    row.GetString(5),
                    row.GetString(6),
                    row.GetString(7),
                    row.GetString(8)
                )
        ),
        (scope, cell) => scope.Has(cell.Gateway, cell.FunnelId),
        "conversions",
        "amounts",
        new DayFigures<ConversionCell>(
            [
                ("total", NpgsqlDbType.Bigint),
                ("sent", NpgsqlDbType.Bigint),
                ("failed", NpgsqlDbType.Bigint),
                ("skipped", NpgsqlDbType.Bigint),
                ("dead", NpgsqlDbType.Bigint),
                ("waiting", NpgsqlDbType.Bigint),
                ("by_status", NpgsqlDbType.Jsonb),
                ("revenue", NpgsqlDbType.Jsonb),
                ("reversed", NpgsqlDbType.Jsonb),
                ("genuine", NpgsqlDbType.Bigint),
                ("matched", NpgsqlDbType.Bigint),
                ("unmatched", NpgsqlDbType.Bigint),
                ("by_gateway", NpgsqlDbType.Jsonb),
                ("by_rule", NpgsqlDbType.Jsonb),
                ("revenue_matched", NpgsqlDbType.Jsonb),
                ("revenue_unmatched", NpgsqlDbType.Jsonb),
            ],
            cells => new ConversionFigures(cells).Values
        )
    );
}
