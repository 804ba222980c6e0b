using TrackAi.Analytics.Http;
using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Analytics;

/// <summary>Why a sale was joined to its click, or was not, in plain words: the same in the timeline, in <c>explain</c> and in <c>match_log</c>.</summary>
internal static class MatchWords
{
    /// <summary>What is kept with a decision: its sentence, and what there is to say beside.</summary>
    public static string Explanation(object decision) =>
        string.Join(
                ' ',
                (
                    decision switch
                    {
                        ConversionMatched matched => Steps.Matched(matched),
                        ConversionUnmatched unmatched => Steps.Unmatched(unmatched),
                        _ => "",
                    }
                ),
                string.Join(' ', Details(decision))
            )
            .TrimEnd();

    public static IReadOnlyList<string> Details(object decision) =>
        decision switch
        {
            ConversionMatched matched => [.. Of(matched), .. Reopened(matched.Reopened)],
            ConversionUnmatched unmatched => [.. Of(unmatched), .. Reopened(unmatched.Reopened)],
            _ => [],
        };

    /// <summary>A step of the timeline with these words; of a decision made anew also what became of what had been sent.</summary>
    public static TimelineStep Told(TimelineStep step, RecordedEvent recorded, IReadOnlyList<RecordedEvent> stream)
    {
        if (recorded.Data is DispatchSucceeded { Quality: { } quality })
            return step with { Details = [.. step.Details, Of(quality)], Quality = quality };
        if (recorded.Data is not (ConversionMatched or ConversionUnmatched))
            return step;
        var isAnew = recorded.Data is ConversionMatched { Reopened: not null } or ConversionUnmatched { Reopened: not null };
        var details = Details(recorded.Data);
        return step with { Details = isAnew ? [.. details, Sending(recorded, stream)] : details };
    }

    private static string Sending(RecordedEvent decision, IReadOnlyList<RecordedEvent> stream) =>
        stream.Any(recorded => recorded.Sequence < decision.Sequence && recorded.Data is DispatchSucceeded)
            ? "Meta had confirmed the sale before: it is not sent again, this is for the reports."
            : "The sale had not been confirmed by Meta yet: what is sent from here on knows it.";

    private static string Of(MatchQuality quality) =>
        FormattableString.Invariant(
            $"Match quality, by our estimate: {quality.Score:0.##} of 10, by {string.Join(", ", quality.Carries)}{(quality.Raises.Count == 0 ? "" : $"; {string.Join(", ", quality.Raises)} would raise it")}."
        );

    private static IEnumerable<string> Of(ConversionMatched matched)
    {
        if (matched.IsProbabilistic == true)
            yield return "It is a guess and counts in the reports only: nothing of the click's browser is sent to Meta.";
        if (matched is { FirstTouch: { } first, LastTouch: { } last } && first.ClickId != last.ClickId)
            yield return $"The first touch was click {first.ClickId} of {Steps.Time(first.ClickedAt)} by {Steps.Name(first.Rule)}, the last one click {last.ClickId} of {Steps.Time(last.ClickedAt)}; the rules count the {matched.Touch} one.";
        if (matched.Missing is { Count: > 0 } missing)
            yield return $"The sale came without {List(missing, "and")}: any of them would have joined it more surely.";
    }

    private static IEnumerable<string> Of(ConversionUnmatched unmatched)
    {
        if (unmatched.Candidates.FirstOrDefault(candidate => candidate.Reason is "not_alone" or "ambiguous") is { } near)
            yield return $"Click {near.ClickId} of {Steps.Time(near.ClickedAt)} may have been it: it has the same {Steps.Name(near.Rule)}, and nothing surer says so.";
        if (unmatched.Missing is { Count: > 0 } missing)
            yield return missing[0] == MatchRule.ClickToken
                ? $"No tracking field carried the click token: with it in the checkout's link the sale would have been joined to its click.{Others(missing)}"
                : $"It would have been joined by {List(missing, "or")}, had the sale brought it.";
        if (unmatched.Tried.Any(tried => tried is { Rule: MatchRule.ClickToken, Outcome: "not_found" }))
            yield return "Its click token is of a click that never reached us: the page was left too soon, or something blocked the pixel.";
    }

    private static string Others(IReadOnlyList<MatchRule> missing) =>
        missing.Count > 1 ? $" So it would by {List([.. missing.Skip(1)], "or")}, had the sale brought it." : "";

    private static IEnumerable<string> Reopened(MatchReopened? reopened)
    {
        if (reopened is null)
            yield break;
        var what = reopened.Cause switch
        {
            "late_click" => "a click that reached us late",
            "late_visit" => "a visit that reached us late",
            "second_delivery" => "a later delivery of the sale",
            "other_sale" => "another sale to the same person",
            var cause => cause.Replace('_', ' '),
        };
        yield return reopened.WasRule is { } rule
            ? $"Decided anew because of {what} ({reopened.Evidence}): before, it was joined to click {reopened.WasClickId} by {Steps.Name(rule)}."
            : $"Decided anew because of {what} ({reopened.Evidence}): before, it was joined to no click.";
    }

    private static string List(IReadOnlyList<MatchRule> rules, string last) =>
        rules.Count == 1
            ? Steps.Name(rules[0])
            : $"{string.Join(", ", rules.Take(rules.Count - 1).Select(Steps.Name))} {last} {Steps.Name(rules[^1])}";
}

/// <summary>Why sales are unmatched, as somebody who could do something about it would put it.</summary>
internal static class UnmatchedCauses
{
    /// <summary>Of decisions of every version.</summary>
    public static string Of(ConversionUnmatched unmatched) =>
        unmatched.Reason switch
        {
            "unreadable" => "unreadable",
            "only_clicks_outside_the_window" => "clicks_too_old",
            "only_clicks_after_the_sale" => "clicks_after_the_sale",
            _ => unmatched.Tried.FirstOrDefault(tried => tried.Rule == MatchRule.ClickToken)?.Outcome switch
            {
                "not_found" => "click_not_captured",
                null => "other",
                _ => "no_click_token",
            },
        };

    /// <summary>What it comes to and what to look at. <paramref name="where"/> is the funnel or campaign meant; null for all.</summary>
    public static string Sentence(string cause, decimal percent, string? where)
    {
        var share = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Math.Round(percent):0} %");
        var of = where is null ? "" : $" of {where}";
        return cause switch
        {
            "no_click_token" => $"{share} came without any click token: the checkout links{of} are not decorated.",
            "click_not_captured" =>
                $"{share} carried the token of a click that never reached us: on the pages{of} the pixel is blocked, or left before it has sent.",
            "clicks_too_old" => $"{share} had their click longer ago than the window allows: buyers{of} take longer to decide.",
            "clicks_after_the_sale" =>
                $"{share} had clicks only after the sale: the links{of} are opened after paying, or a clock is wrong.",
            "unreadable" => $"{share} cannot be read{of}: what is stored of the buyer is damaged.",
            _ => $"{share} were joined to nothing{of} by the rules in force.",
        };
    }
}
