using Spectre.Console;

namespace LineServer.Client;

/// <summary>Shows how much of the files has been sent, on standard error if that is a terminal.</summary>
internal static class ProgressBar
{
    private static readonly TimeSpan Refresh = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Shows the bar until it is cancelled. Does nothing without a terminal or without a known total.
    /// </summary>
    public static async Task RunAsync(
        RunOptions options,
        IReadOnlyList<InputFile> inputs,
        IReadOnlyList<Connection> connections,
        CancellationToken cancellationToken)
    {
        if (options.Quiet || Console.IsErrorRedirected || inputs.Any(input => input.Length is null))
        {
            return;
        }

        double total = inputs.Sum(input => (double)input.Length!.Value) * options.Repeat * connections.Count;

        // Replies on the same terminal show progress, and the bar would overwrite them.
        bool RepliesAreShown() => !Console.IsOutputRedirected && connections.Any(connection => connection.ReceivedBytes > 0);
        try
        {
            // A short run needs no bar.
            await Task.Delay(Refresh * 5, cancellationToken);
            if (!RepliesAreShown())
            {
                await ShowAsync(total, connections, RepliesAreShown, cancellationToken);
            }
        }
        catch (OperationCanceledException)
        {
            // Everything has been sent and answered.
        }
    }

    private static Task ShowAsync(
        double total, IReadOnlyList<Connection> connections, Func<bool> mustStop, CancellationToken cancellationToken)
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
            ProgressTask sending = context.AddTask("sending", maxValue: Math.Max(1, total));
            while (!mustStop())
            {
                sending.Value = connections.Sum(connection => connection.SentBytes);
                await Task.Delay(Refresh, cancellationToken);
            }
        });
    }
}
