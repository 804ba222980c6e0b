namespace TrackAi.Dispatch;

/// <summary>What became of one event of a batch.</summary>
internal readonly record struct Verdict<T>(T Event, MetaAnswer Answer);

/// <summary>
/// Sends a batch so that every event gets an answer of its own. Meta refuses a whole batch for one bad event
/// (https://developers.facebook.com/docs/marketing-api/conversions-api/using-the-api): such a batch is halved until the culprits stand alone,
/// and everyone else goes through.
/// </summary>
internal static class Bisection
{
    /// <summary>One culprit among 1,000 takes about 20 requests; this is enough for a dozen.</summary>
    public const int MostRequests = 200;

    /// <summary>
    /// Verdicts in the order of <paramref name="events"/>. Once Meta stops judging events (throttled, token dead, no answer), what is left is
    /// not sent and gets that answer too; what is not isolated after <paramref name="mostRequests"/> comes back as transient.
    /// </summary>
    public static async Task<IReadOnlyList<Verdict<T>>> SendAsync<T>(
        IReadOnlyList<T> events,
        Func<IReadOnlyList<T>, CancellationToken, Task<MetaAnswer>> send,
        CancellationToken cancellationToken,
        int mostRequests = MostRequests
    )
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(mostRequests, 1);
        if (events.Count == 0)
            return [];
        var search = new Search<T>(events, send, mostRequests);
        await search.JudgeAsync(0, events.Count, known: null, cancellationToken);
        return [.. events.Zip(search.Answers, static (one, answer) => new Verdict<T>(one, answer))];
    }

    private sealed class Search<T>(
        IReadOnlyList<T> events,
        Func<IReadOnlyList<T>, CancellationToken, Task<MetaAnswer>> send,
        int mostRequests
    )
    {
        private int requests;
        private MetaAnswer.Refused? lastRefusal;
        private MetaAnswer? end;

        public MetaAnswer[] Answers { get; } = new MetaAnswer[events.Count];

        /// <summary>Finds the answer of each event of a part; true when all of it was accepted.</summary>
        /// <param name="known">The refusal that this part is known to cause, so that it need not be sent to hear it again.</param>
        public async Task<bool> JudgeAsync(int start, int count, MetaAnswer.Refused? known, CancellationToken cancellationToken)
        {
            // A single event is never condemned by inference: it is sent.
            if (known is null || count == 1)
            {
                var answer = await AskAsync(start, count, cancellationToken);
                if (count == 1 || answer is not MetaAnswer.Refused { IsAboutTheEvents: true } refused)
                {
                    Array.Fill(Answers, answer, start, count);
                    return answer is MetaAnswer.Accepted;
                }

                known = refused;
            }

            var half = count / 2;
            var firstIsFine = await JudgeAsync(start, half, null, cancellationToken);
            await JudgeAsync(start + half, count - half, firstIsFine ? known : null, cancellationToken);
            return false;
        }

        private async Task<MetaAnswer> AskAsync(int start, int count, CancellationToken cancellationToken)
        {
            if (end is null && requests == mostRequests)
                end = lastRefusal! with { Class = ErrorClass.Transient, Message = "Refused together with others and not yet told apart." };
            if (end is not null)
                return end;

            requests++;
            var answer = await send([.. events.Skip(start).Take(count)], cancellationToken);
            if (answer is MetaAnswer.Refused { IsAboutTheEvents: true } refused)
                lastRefusal = refused;
            else if (answer is not MetaAnswer.Accepted)
                end = answer;
            return answer;
        }
    }
}
