using LineServer;
using LineServer.Daemon;
using LineServer.Linux;
using LineServer.Logging;

// Before anything slow: from here on, a signal ends the process in order, and an unexpected error is one line.
using var signals = new Signals(TimeProvider.System);
LastResort.Install();
LastResort.RequireDescriptors();
var errors = new ErrorOutput(StandardStream.Error);
LastResort.ReportTo(errors);

var commandLine = new CommandLine(signals, errors);
Task<int> command = Task.Run(() => commandLine.RunAsync(args));
Task first = await Task.WhenAny(command, signals.EndedBeforeServing);
int status = first == command ? await command : commandLine.StatusWhenInterrupted;
errors.Flush(TimeSpan.FromSeconds(0.5));
return status;
