using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace LineServer.Client;

/// <summary>The usual help, and below it what a newcomer looks for first: a line to copy.</summary>
internal sealed class HelpWithExamples(HelpAction usual) : SynchronousCommandLineAction
{
    private const string More = """
        Examples:
          echo hello | lineclient localhost:7007
              Sends a line; prints what comes back until the server closes.
          lineclient tcp://127.0.0.1:7007 --replies 1 access.log
              Sends a file; fails unless every line is answered.
          lineclient unix:/run/lineserver/print.sock --terminate a.txt b.txt -
              Sends two files, then standard input, to a Unix socket.
          lineclient localhost:7007 --check-echo --quiet --stats --connections 1000 --window 1 lines.txt
              Tests an echo server: 1000 connections, each waits for its line to come back before it sends the next.
          lineclient tcp://[::1]:7007 --retry --timeout 1m --rate 100 lines.txt
              Waits up to a minute for the server to start, then sends 100 lines a second.

        Times are seconds, or have a unit: 500ms, 30s, 5m, 1h. Counts may end in k, M or G (thousand, million, billion).
        On a terminal, control characters of replies are shown escaped; in a pipe or a file replies are as they came.
        At the end of the input the sending side is closed, and replies are read until the server closes.
        A last line without an LF is sent as it is, reported, and ends in exit status 1; see --terminate.

        Exit status:
          0  all was sent (and answered, where that was asked for)
          1  not all was, within --max-time too; or an input could not be read, or standard output not be written
          2  wrong option or argument
          3  no connection
          130, 143  ended by SIGINT or SIGTERM; --stats tells what was done until then
        """;

    public override int Invoke(ParseResult parseResult)
    {
        int exitStatus = usual.Invoke(parseResult);
        parseResult.InvocationConfiguration.Output.WriteLine(More);
        return exitStatus;
    }
}
