using TrackAi.Contracts;
using TrackAi.Dashboard.Access;

namespace TrackAi.Dashboard.Pages.Settings;

/// <summary>A page that changes a tenant: what was done or refused is said at its top.</summary>
public abstract class SettingsPage : TenantPage
{
    protected string? Done { get; private set; }

    protected string? Problem { get; private set; }

    protected bool IsBusy { get; private set; }

    /// <summary>As the user, who must be the tenant's owner at this moment. Then everything is read again.</summary>
    private protected async Task<bool> ChangeAsync(Func<SeenTenant, Task> change, string done)
    {
        (IsBusy, Done, Problem) = (true, null, null);
        try
        {
            await Access.ActAsync(Seen.Slug, change, Gone);
            await ReloadAsync();
            Done = done;
            return true;
        }
        catch (TenantChangeRefusedException refused)
        {
            Problem = Ui[refused.Message];
        }
        catch (NotAllowedException)
        {
            Problem = Ui["You may not do this, or not any more."];
        }
        finally
        {
            IsBusy = false;
        }

        return false;
    }
}
