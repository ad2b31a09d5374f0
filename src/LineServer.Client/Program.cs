using LineServer.Client;

try
{
    if (!new CommandLine().TryParse(args, Console.Error, out RunOptions? options, out int exitStatus))
    {
        return exitStatus;
    }

    using var earlyEnd = new EarlyEnd(options.MaxTime);
    return await new Run(options, Console.Error, earlyEnd).ExecuteAsync();
}
catch (IOException e)
{
    // The help could not be written: standard output is full.
    await Console.Error.WriteLineAsync($"lineclient: {e.Message.TrimEnd()}");
    return ExitStatus.Incomplete;
}
