using LineServer.Client;

try
{
    return new CommandLine().TryParse(args, Console.Error, out RunOptions? options, out int exitStatus)
        ? await new Run(options, Console.Error).ExecuteAsync()
        : exitStatus;
}
catch (IOException e)
{
    // The help, on a standard output that is full.
    await Console.Error.WriteLineAsync($"lineclient: {e.Message.TrimEnd()}");
    return ExitStatus.Incomplete;
}
