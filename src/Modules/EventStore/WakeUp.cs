namespace TrackAi.EventStore;

/// <summary>Tells this process's readers that there is something new in the log, and the other hosts' through <see cref="RemoteWakeUp"/>.</summary>
internal sealed class WakeUp
{
    /// <summary>Marten's channel.</summary>
    public const string Channel = "mt_events_appended";

    private Action? calls;

    public void Appended() => calls?.Invoke();

    /// <summary>To be called before the host starts.</summary>
    public void Subscribe(Action onAppended) => calls += onAppended;

    /// <summary>Whether some shard runs elsewhere, so that our own call is not enough.</summary>
    public bool OthersRun { get; set; } = true;
}
