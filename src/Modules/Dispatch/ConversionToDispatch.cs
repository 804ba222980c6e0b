using TrackAi.Contracts;
using TrackAi.EventStore;

namespace TrackAi.Dispatch;

/// <summary>A conversion as sending sees it: folded from its stream.</summary>
internal sealed record ConversionToDispatch
{
    public ConversionReceived? Received { get; private init; }

    /// <summary>The delivery that made it approved for the first time; null while it never was, and when the first delivery did.</summary>
    public ConversionStateChanged? Approval { get; private init; }

    public bool WasApproved { get; private init; }

    /// <summary>Whether it was joined to a click, or found to have none.</summary>
    public bool IsDecided { get; private init; }

    public string? ClickId { get; private init; }

    public DateTimeOffset ClickedAt { get; private init; }

    /// <summary>What the seller said with the sale, the latest word of several.</summary>
    public bool? BuyerConsent { get; private init; }

    /// <summary>What the visitor said last before the sale.</summary>
    public bool? VisitorConsent { get; private init; }

    /// <summary>Whether the person agreed to be reported: the word that came with the sale, else the visitor's; null when nobody said.</summary>
    public bool? Consent => BuyerConsent ?? VisitorConsent;

    /// <summary>The buyer asked to be erased: nothing is told of them any more.</summary>
    public bool IsErased { get; private init; }

    /// <summary>An operator closed the sale: nothing more is decided about it. What was requested before is sent.</summary>
    public bool IsArchived { get; private init; }

    /// <summary>The buyer's protected parts, the latest first.</summary>
    public IReadOnlyList<string> Buyer { get; private init; } = [];

    public IReadOnlyDictionary<string, DispatchRequested> Requested { get; private init; } =
        new Dictionary<string, DispatchRequested>(StringComparer.Ordinal);

    public IReadOnlySet<string> Succeeded { get; private init; } = new HashSet<string>(StringComparer.Ordinal);

    /// <summary>Why it was not sent; null while that was not decided.</summary>
    public string? SkipReason { get; init; }

    /// <summary>The click that was known when it was decided not to send it.</summary>
    public string? ClickWhenSkipped { get; init; }

    /// <summary>A delivery told more of the buyer since it was decided not to send it.</summary>
    public bool IsToldMore { get; init; }

    /// <summary>A skip for too little about the buyer passes when a click, or a later delivery, brings more.</summary>
    public bool MayBeDecided =>
        !IsArchived
        && Requested.Count == 0
        && (
            SkipReason is null
            || (EventValidation.IsAboutThePerson(SkipReason) && (IsToldMore || (ClickId is not null && ClickId != ClickWhenSkipped)))
        );

    /// <summary>
    /// Whether the log alone shows that the buyer is told well enough: an e-mail, a phone or an id of the seller's that was not dropped as no good.
    /// Otherwise what is protected has to be looked at.
    /// </summary>
    public bool NamesTheBuyer =>
        Received is { Has: var has }
        && ((has.Email && !IsDropped("email")) || (has.Phone && !IsDropped("phone")) || (has.ExternalId && !IsDropped("external_id")));

    /// <summary>What the gateway says of the money now.</summary>
    public PaymentState State { get; private init; }

    /// <summary>When it was paid, by the gateway's word.</summary>
    public DateTimeOffset PaidAt => Approval?.OccurredAt ?? Received!.OccurredAt;

    /// <summary>Meta refuses it from then on.</summary>
    public DateTimeOffset ExpiresAt => PaidAt + CapiPayload.LongestAge;

    public static ConversionToDispatch From(IEnumerable<RecordedEvent> stream) =>
        stream.Aggregate(
            new ConversionToDispatch(),
            (state, recorded) => state.Apply(recorded.Data) with { IsArchived = state.IsArchived || recorded.IsArchived }
        );

    private bool IsDropped(string field) => Received!.Notes.Any(note => note.StartsWith($"{field}: dropped", StringComparison.Ordinal));

    private ConversionToDispatch Apply(object @event) =>
        @event switch
        {
            ConversionReceived received => this with
            {
                Received = received,
                State = received.State,
                WasApproved = received.State == PaymentState.Approved,
                BuyerConsent = received.Consent,
                Buyer = [received.Protected],
            },
            ConversionStateChanged changed => this with
            {
                Approval = changed.To == PaymentState.Approved && !WasApproved ? changed : Approval,
                State = changed.To,
                WasApproved = WasApproved || changed.To == PaymentState.Approved,
                BuyerConsent = changed.Consent ?? BuyerConsent,
                Buyer = changed.Protected is null ? Buyer : [changed.Protected, .. Buyer],
            },
            ConversionEnriched enriched => this with
            {
                BuyerConsent = enriched.Consent ?? BuyerConsent,
                Buyer = [enriched.Protected, .. Buyer],
                IsToldMore = true,
            },
            ConversionMatched matched => this with
            {
                IsDecided = true,
                // Of a guess nothing is sent: the click's browser may be a stranger's.
                ClickId = matched.IsProbabilistic == true ? null : matched.ClickId,
                ClickedAt = matched.ClickedAt,
                VisitorConsent = matched.VisitorConsent,
            },
            ConversionUnmatched unmatched => this with { IsDecided = true, ClickId = null, VisitorConsent = unmatched.VisitorConsent },
            DispatchRequested requested => this with
            {
                Requested = new Dictionary<string, DispatchRequested>(Requested, StringComparer.Ordinal)
                {
                    [requested.DispatchId] = requested,
                },
            },
            DispatchSucceeded succeeded => this with
            {
                Succeeded = new HashSet<string>(Succeeded, StringComparer.Ordinal) { succeeded.DispatchId },
            },
            // A confirmed one that was asked for again is sent again.
            DispatchRedriven redriven => this with
            {
                Succeeded = Succeeded.Where(dispatch => dispatch != redriven.DispatchId).ToHashSet(StringComparer.Ordinal),
            },
            PersonalDataErased => this with { IsErased = true },
            DispatchSkipped skipped => this with { SkipReason = skipped.Reason, ClickWhenSkipped = ClickId, IsToldMore = false },
            _ => this,
        };
}
