using System.Net;
using System.Text.Json;
using LineServer.Perf.Linux;
using LineServer.Perf.Load;
using LineServer.Perf.Work;

namespace LineServer.Perf.Generators;

/// <summary>
/// The work of a generator's process: reads lines of JSON and answers each with a line of JSON, until its
/// input ends.
/// </summary>
internal static class GeneratorService
{
    /// <param name="input">One <see cref="GeneratorSetup"/>, then <see cref="GeneratorCommand"/>s.</param>
    /// <param name="output">One <see cref="GeneratorReply"/> per command.</param>
    public static void Serve(TextReader input, TextWriter output)
    {
        // The input ends when the parent ends, but this process reads it only between two commands, and one
        // may take minutes.
        _ = MeasuringCalls.ControlProcess(MeasuringCalls.SetParentDeathSignal, MeasuringCalls.SignalKill, 0, 0, 0);
        _ = MeasuringCalls.ControlProcess(MeasuringCalls.SetTimerSlack, 1, 0, 0, 0);
        using IDisposable signals = Interruption.WatchAsGenerator();
        GeneratorSetup setup = JsonSerializer.Deserialize<GeneratorSetup>(
            input.ReadLine() ?? throw new UsageException("'generator' is started by 'run'"))!;
        using var load = new LocalLoad(
            TargetAddress.Parse(setup.Server)
                .From([.. setup.Sources.Select(IPAddress.Parse)])
                .Speaking(LineProtocol.All.First(protocol => protocol.Name == setup.Protocol)),
            setup.Workload,
            TimeSpan.FromSeconds(setup.ReplyTimeoutSeconds),
            setup.FirstNumber);
        while (input.ReadLine() is { } line)
        {
            GeneratorReply reply;
            try
            {
                reply = Do(load, JsonSerializer.Deserialize<GeneratorCommand>(line)!);
            }
            catch (RunFailedException e)
            {
                reply = new GeneratorReply(e.Message);
            }

            output.WriteLine(JsonSerializer.Serialize(reply));
            output.Flush();
        }
    }

    private static GeneratorReply Do(LocalLoad load, GeneratorCommand command)
    {
        switch (command.Do)
        {
            case "open":
                load.Open(command.Connections);
                return new GeneratorReply();
            case "check":
                load.CheckOpen();
                return new GeneratorReply();
            default:
                GC.Collect();
                LoadResult result = load.Run(command.From, command.Until, process: null);
                return new GeneratorReply(
                    Measured: result.Measured, FromSent: result.FromSent.Export(), FromDue: result.FromDue?.Export());
        }
    }
}
