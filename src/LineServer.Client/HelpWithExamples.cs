using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace LineServer.Client;

/// <summary>Adds examples and notes to the usual help.</summary>
internal sealed class HelpWithExamples(HelpAction usual) : SynchronousCommandLineAction
{
    private const string More = """
        Examples:
          echo hello | lineclient localhost:7007
              Sends a line. Prints replies until the server closes the connection.
          lineclient tcp://127.0.0.1:7007 --replies 1 access.log
              Sends a file. Fails unless every line is answered.
          lineclient unix:/run/lineserver/print.sock --terminate a.txt b.txt -
              Sends two files, then standard input, to a Unix socket.
          lineclient localhost:7007 --check-echo --quiet --stats --connections 1000 --window 1 lines.txt
              Tests an echo server: 1000 connections, each waits for its line to come back before it sends the next.
          lineclient tcp://[::1]:7007 --retry --timeout 1m --rate 100 lines.txt
              Waits up to a minute for the server to start, then sends 100 lines a second.
          lineclient tcp://logs.example:7007 --stream web-7 access.log
              Sends a file as acknowledged lines, and resumes where it was lost. Run again, it sends what the server lacks.
          lineclient tcp://logs.example:7007 --stream web-7 --follow /var/log/app.log
              Sends a log as it grows, through rotation, until SIGTERM.
          journalctl -f | lineclient tcp://logs.example:7007 --stream journal --give-up-after never
              Keeps lines on disk while the server is away, and across runs. Each run continues the stream.

        Times are seconds, or have a unit: 500ms, 30s, 5m, 1h. Counts may end in k, M or G (thousand, million, billion).
        On a terminal, control characters in replies are escaped. In a pipe or a file, replies are unchanged.
        At the end of the input lineclient closes its sending side, and reads replies until the server closes.
        A last line without an LF is sent unchanged and reported, with exit status 1; see --terminate.
        With --stream such a line is not sent. The first lines of a file are compared with the server's by checksum; a file
        that is not the stream's is refused. Standard input has no past: each run's lines follow those of the run before.
        Exit status:
          0  everything was sent (and answered, if replies were expected)
          1  not everything was, or --max-time expired, or an input could not be read or standard output not written
          2  wrong option or argument
          3  no connection
          With --stream: 0 every line is acknowledged (with --follow: every line that was read, by SIGINT or SIGTERM),
          1 not every line, or the stream is not the file's, or the server has lost lines.
          130, 143  ended by SIGINT or SIGTERM; --stats still reports what was done
        """;

    public override int Invoke(ParseResult parseResult)
    {
        int exitStatus = usual.Invoke(parseResult);
        parseResult.InvocationConfiguration.Output.WriteLine(More);
        return exitStatus;
    }
}
