using LineServer.Client;
using LineServer.Client.Streams;

try
{
    if (!new CommandLine().TryParse(args, Console.Error, out RunOptions? options, out int exitStatus))
    {
        return exitStatus;
    }

    using var earlyEnd = new EarlyEnd(options.MaxTime);
    return options.Stream is null
        ? await new Run(options, Console.Error, earlyEnd).ExecuteAsync()
        : await new StreamRun(options, Console.Error, earlyEnd, StreamTiming.Default).ExecuteAsync();
}
catch (IOException e)
{
    // The help could not be written: standard output is full.
    await Console.Error.WriteLineAsync($"lineclient: {e.Message.TrimEnd()}");
    return ExitStatus.Incomplete;
}
