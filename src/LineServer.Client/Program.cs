using LineServer.Client;

return new CommandLine().TryParse(args, Console.Error, out RunOptions? options, out int exitStatus)
    ? await new Run(options, Console.Error).ExecuteAsync()
    : exitStatus;
