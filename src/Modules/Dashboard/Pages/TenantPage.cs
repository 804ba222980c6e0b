using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Npgsql;
using TrackAi.Contracts;
using TrackAi.Dashboard.Access;
using TrackAi.Dashboard.Live;
using TrackAi.Dashboard.Words;

namespace TrackAi.Dashboard.Pages;

/// <summary>
/// A page about one tenant, which is part of its address. Nothing is read before <see cref="TenantAccess"/> said that the user may see the tenant, each
/// time anew; pages that follow what happens load again when the read models have moved.
/// </summary>
[Authorize]
public abstract partial class TenantPage : ComponentBase, IAsyncDisposable
{
    /// <summary>Where a page stands.</summary>
    public enum PageState
    {
        Loading,
        Ready,
        Failed,
        NotFound,
        SwitchedOff,
    }

    private readonly CancellationTokenSource gone = new();
    private readonly SemaphoreSlim loading = new(1, 1);
    private readonly CancellationToken left;
    private IDisposable? watch;
    private string? loaded;
    private string place = "";

    // Once, because a source that was disposed of gives no token any more.
    protected TenantPage() => left = gone.Token;

    /// <summary>The slug.</summary>
    [Parameter]
    public string TenantId { get; set; } = "";

    public PageState State { get; private set; } = PageState.Loading;

    [CascadingParameter]
    private protected Ui Ui { get; set; } = default!;

    [CascadingParameter]
    private HttpContext? Http { get; set; }

    [Inject]
    private protected TenantAccess Access { get; set; } = default!;

    [Inject]
    private protected NavigationManager Navigation { get; set; } = default!;

    [Inject]
    private IFeatureFlags Flags { get; set; } = default!;

    [Inject]
    private LiveFeed Feed { get; set; } = default!;

    [Inject]
    private ILoggerFactory Loggers { get; set; } = default!;

    /// <summary>Set before <see cref="LoadAsync"/>, and while the state is ready.</summary>
    private protected SeenTenant Seen { get; private set; } = default!;

    protected CancellationToken Gone => left;

    /// <summary>Whether the page follows what happens.</summary>
    protected virtual bool IsLive => false;

    /// <summary>Reads all that the page shows, of <see cref="Seen"/>.</summary>
    protected abstract Task LoadAsync();

    protected override Task OnParametersSetAsync()
    {
        if (loaded == Navigation.Uri)
            return Task.CompletedTask;
        var isFirst = loaded is null;
        loaded = Navigation.Uri;
        return isFirst && RendererInfo.IsInteractive ? Handover.WaitAsync(ReloadAsync) : ReloadAsync();
    }

    protected override void OnAfterRender(bool firstRender)
    {
        if (firstRender && IsLive)
            watch = Feed.Watch(place, () => InvokeAsync(FollowAsync));
    }

    /// <summary>Asks again who it is, and reads again.</summary>
    protected async Task ReloadAsync()
    {
        try
        {
            await loading.WaitAsync(Gone);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        try
        {
            State = await ReadAsync();
        }
        catch (OperationCanceledException) when (Gone.IsCancellationRequested)
        {
            return;
        }
        catch (Exception exception) when (exception is NpgsqlException or IOException or TimeoutException)
        {
            LogFailed(Loggers.CreateLogger<TenantPage>(), GetType().Name, exception);
            State = PageState.Failed;
        }
        finally
        {
            loading.Release();
        }

        if (Http is { Response.HasStarted: false } http)
            http.Response.StatusCode = State switch
            {
                PageState.NotFound => 404,
                PageState.SwitchedOff => 403,
                PageState.Failed => 503,
                _ => http.Response.StatusCode,
            };
    }

    private async Task<PageState> ReadAsync()
    {
        if (await Access.FindAsync(TenantId, Gone) is not { } seen)
            return PageState.NotFound;
        if ((await Flags.ListAsync(Gone)).Any(flag => flag is { Name: "analytics_views", IsOn: false }))
            return PageState.SwitchedOff;
        Seen = seen;
        if (IsLive && RendererInfo.IsInteractive && watch is null)
            place = await Feed.ReadPlaceAsync(Gone);
        await LoadAsync();
        return PageState.Ready;
    }

    private async Task FollowAsync()
    {
        // What is still being read is read again after that: it may have been read before it moved.
        if (Gone.IsCancellationRequested || State is PageState.NotFound or PageState.SwitchedOff)
            return;
        await ReloadAsync();
        StateHasChanged();
    }

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        watch?.Dispose();
        await gone.CancelAsync();
        gone.Dispose();
    }

    [LoggerMessage(13002, LogLevel.Warning, "{Page} could not be read. Check that Postgres is up.")]
    private static partial void LogFailed(ILogger logger, string page, Exception exception);
}
