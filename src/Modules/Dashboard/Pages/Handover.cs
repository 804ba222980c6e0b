namespace TrackAi.Dashboard.Pages;

/// <summary>
/// A page was rendered once, without a circuit, when its circuit begins and renders it again. Until that one has its data the browser keeps showing
/// the first; so the first render of the circuit waits for it a moment, and nobody sees what they were reading vanish and come back.
/// </summary>
internal static class Handover
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    public static Task WaitAsync(Func<Task> load)
    {
        // Away from the renderer, which waits: what is loaded needs nothing of it.
        var loading = Task.Run(load);
        Task.WaitAny([loading], Patience);
        return loading;
    }
}
