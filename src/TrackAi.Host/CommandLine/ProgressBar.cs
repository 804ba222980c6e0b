using Spectre.Console;

namespace TrackAi.Host.CommandLine;

/// <summary>
/// A bar on stderr for what takes longer than a second: only where somebody looks at a terminal, and never with <c>--json</c>. What is printed
/// meanwhile must not go to the same terminal.
/// </summary>
internal static class ProgressBar
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <param name="prints">Whether lines are printed to stdout meanwhile: on a terminal they are progress enough.</param>
    /// <param name="work">Is handed what it tells its progress to: percent, and a word beside the bar.</param>
    public static Task ShowAsync(string name, bool prints, TimeProvider time, Func<Action<double, string>, Task> work)
    {
        if (Session.IsJson || Console.IsErrorRedirected || (prints && !Console.IsOutputRedirected))
            return work((_, _) => { });
        return AnsiConsole
            .Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) })
            .Progress()
            .AutoClear(true)
            .HideCompleted(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn())
            .StartAsync(async context =>
            {
                var started = time.GetTimestamp();
                ProgressTask? bar = null;
                await work(
                    (percent, words) =>
                    {
                        if (bar is null && time.GetElapsedTime(started) < Patience)
                            return;
                        bar ??= context.AddTask(Markup.Escape(name));
                        bar.Value = percent;
                        bar.Description = Markup.Escape($"{name} {words}");
                    }
                );
            });
    }

    /// <summary>How far through a stretch of the log.</summary>
    public static double Percent(long position, long after, long upTo) =>
        upTo <= after ? 100 : Math.Clamp((position - after) * 100.0 / (upTo - after), 0, 100);
}
