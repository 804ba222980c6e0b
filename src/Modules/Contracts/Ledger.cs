namespace TrackAi.Contracts;

/// <summary>
/// One tenant's day: every conversion received on it is in exactly one of the four. <paramref name="Skipped"/> and <paramref name="Dead"/> are by
/// reason.
/// </summary>
/// <param name="Waiting">Not paid yet, not decided yet, or on its way.</param>
public sealed record LedgerDay(
    string TenantId,
    DateOnly Date,
    long Received,
    long Sent,
    IReadOnlyDictionary<string, long> Skipped,
    IReadOnlyDictionary<string, long> Dead,
    long Waiting
)
{
    public bool Balances => Received == Sent + Skipped.Values.Sum() + Dead.Values.Sum() + Waiting;
}

/// <summary>The ledger as the read models have it, and the position of the log they have it from. Implemented by Analytics.</summary>
public interface IReadLedger
{
    Task<(long Position, IReadOnlyList<LedgerDay> Days)> ReadAsync(CancellationToken cancellationToken);
}

/// <param name="Kind">
/// <c>lost</c>, <c>left_over</c>, <c>undecided</c>, <c>unreadable</c>, <c>confirmed_twice</c>, <c>foreign_id</c>, <c>read_model</c> or <c>unbalanced</c>.
/// </param>
public sealed record LedgerProblem(string Kind, string TenantId, string Subject, string Detail);

/// <param name="Position">The position of the log up to which all was counted.</param>
/// <param name="Events">Events read.</param>
/// <param name="Unreadable">How many of them cannot be read; they are in no figure.</param>
public sealed record LedgerReport(
    long Position,
    long Events,
    long Unreadable,
    IReadOnlyList<LedgerDay> Days,
    IReadOnlyList<LedgerProblem> Problems
);

/// <summary>
/// Counts the whole log anew: each conversion must be in one final state or waiting, what waits must be in the queue and nothing else, each sale
/// must have gone out under its one event_id, whoever decides about an approved sale must not have passed it by, and the read models must say the same. Implemented
/// by Dispatch.
/// </summary>
public interface IDispatchLedger
{
    /// <param name="progress">Is told the position reached, and the last one.</param>
    Task<LedgerReport> VerifyAsync(Action<long, long> progress, CancellationToken cancellationToken);
}
