namespace TrackAi.Contracts;

/// <summary>A funnel or campaign, and how many of its sales are unmatched for one cause.</summary>
/// <param name="Kind"><c>funnel</c> or <c>campaign</c>.</param>
/// <param name="SharePct">Of the place's unmatched sales.</param>
/// <param name="Text">In words, with what to look at.</param>
public sealed record UnmatchedPlace(string Kind, string Name, long Conversions, decimal SharePct, string Text);

/// <summary>One cause of sales being unmatched.</summary>
/// <param name="Cause"><c>no_click_token</c>, <c>click_not_captured</c>, <c>clicks_too_old</c>, <c>clicks_after_the_sale</c>, <c>unreadable</c> or <c>other</c>.</param>
/// <param name="SharePct">Of all that are unmatched.</param>
/// <param name="Text">In words, with what to look at.</param>
/// <param name="Places">Where it happens, the most frequent first.</param>
public sealed record UnmatchedCause(string Cause, long Conversions, decimal SharePct, string Text, IReadOnlyList<UnmatchedPlace> Places);

/// <param name="Decided">Sales that were decided; tests do not count.</param>
/// <param name="Causes">The most frequent first.</param>
public sealed record MatchReport(long Decided, long Unmatched, IReadOnlyList<UnmatchedCause> Causes);

/// <summary>Why sales are unmatched, ranked, from the daily read model. Implemented by Analytics.</summary>
public interface IReadMatches
{
    Task<MatchReport> ReportAsync(FigureScope scope, CancellationToken cancellationToken = default);
}
