using Spectre.Console;

namespace LineServer.Client.Streams;

/// <summary>Shows how much of a file was sent and acknowledged, on standard error if that is a terminal.</summary>
internal static class StreamProgressBar
{
    private static readonly TimeSpan Refresh = TimeSpan.FromMilliseconds(100);

    /// <summary>Shows the bar until it is cancelled. Does nothing without a terminal.</summary>
    public static async Task RunAsync(FileSource file, StreamProgress progress, CancellationToken cancellationToken)
    {
        if (Console.IsErrorRedirected)
        {
            return;
        }

        try
        {
            // A short run needs no bar.
            await Task.Delay(Refresh * 5, cancellationToken);
            await ShowAsync(file, progress, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // The run has ended.
        }
    }

    private static Task ShowAsync(FileSource file, StreamProgress progress, CancellationToken cancellationToken)
    {
        IAnsiConsole terminal = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        Progress bar = terminal.Progress().AutoClear(true).Columns(
            new TaskDescriptionColumn(),
            new ProgressBarColumn(),
            new PercentageColumn(),
            new TransferSpeedColumn(),
            new RemainingTimeColumn());
        return bar.StartAsync(async context =>
        {
            long total = Math.Max(1, file.Length);
            ProgressTask sending = context.AddTask("sent", maxValue: total);
            ProgressTask acknowledging = context.AddTask("acknowledged", maxValue: total);
            while (true)
            {
                sending.Value = progress.Position;
                acknowledging.Value = progress.AcknowledgedBytes;
                await Task.Delay(Refresh, cancellationToken);
            }
        });
    }
}
