using System.CommandLine;
using System.Globalization;
using LineServer.Daemon;
using LineServer.Framing;
using LineServer.Linux;
using LineServer.Storage;

namespace LineServer;

/// <summary><c>lineserver store</c>: looks at a store's directory, and mends it.</summary>
internal sealed class StoreCommands(Action<string> report)
{
    private readonly Argument<string> _directory = new("DIR") { Description = "The directory of the store." };

    private readonly Argument<string> _name = new("NAME") { Description = "The name of the stream." };

    private readonly Option<string> _stream = new("--stream")
    {
        Description = "The name of the stream.",
        HelpName = "NAME",
        Required = true,
    };

    private readonly Option<long> _from = new("--from")
    {
        Description = "The number of the first line.",
        HelpName = "N",
        DefaultValueFactory = _ => 1,
    };

    private readonly Option<long?> _lines = new("--lines")
    {
        Description = "The most lines.",
        HelpName = "K",
    };

    private readonly Option<bool> _follow = new("--follow") { Description = "Go on with lines as they are stored, until a signal." };

    private readonly Option<bool> _numbers = new("--numbers") { Description = "Put each line's number and a tab before it." };

    /// <summary>Pauses between two looks at a followed stream.</summary>
    private static readonly TimeSpan FollowPause = TimeSpan.FromMilliseconds(100);

    public Command Build()
    {
        var streams = new Command("streams", "Lists the streams: name, lines, first line kept, files, bytes. Works while a server runs.") { _directory };
        streams.SetAction(parsed => Guard(() => ListStreams(parsed)));
        var cat = new Command("cat", "Writes the lines of a stream to standard output. Works while a server runs. Exit status 3: the first line is no longer kept.")
        {
            _directory, _stream, _from, _lines, _follow, _numbers,
        };
        cat.SetAction(async (parsed, cancellationToken) => await GuardAsync(() => CatAsync(parsed, cancellationToken)));
        var verify = new Command("verify", "Reads everything, and compares counts and checksums. Works while a server runs. Exit status 1: something is wrong.") { _directory };
        verify.SetAction(parsed => Guard(() => Verify(parsed)));
        var forget = new Command("forget", "Removes a stream and its lines for good. Its name begins at line 1 again.") { _directory, _name };
        forget.SetAction(parsed => Guard(() => Forget(parsed)));
        var repair = new Command("repair", "Makes a store with a damaged log usable: keeps the lines before the damage, and says which are dropped.") { _directory };
        repair.SetAction(parsed => Guard(() => Repair(parsed)));
        _from.Validators.Add(result => RequirePositive(result, _from));
        _lines.Validators.Add(result => RequirePositive(result, _lines));
        return new Command("store", "Looks at the directory of a store, and mends it.") { streams, cat, verify, forget, repair };
    }

    private static void RequirePositive(System.CommandLine.Parsing.OptionResult result, Option option)
    {
        foreach (System.CommandLine.Parsing.Token token in result.Tokens)
        {
            if (!long.TryParse(token.Value, NumberStyles.None, CultureInfo.InvariantCulture, out long number) || number < 1)
            {
                result.AddError($"{option.Name}: '{token.Value}' is no number from 1.");
            }
        }
    }

    private static void Write(ReadOnlySpan<byte> bytes) => StandardStream.Output.Write(bytes);

    private StoreDirectory Directory(ParseResult parsed)
    {
        string path = parsed.GetValue(_directory)!;
        if (!System.IO.Directory.Exists(path))
        {
            throw new StoreException($"{path} does not exist");
        }

        return OperatingSystem.IsLinux() ? new StoreDirectory(path) : throw new PlatformNotSupportedException("A store needs Linux.");
    }

    private int Guard(Func<int> command)
    {
        try
        {
            return command();
        }
        catch (Exception e) when (e is StoreException or IOException or UnauthorizedAccessException or InvalidDataException)
        {
            report(e.Message);
            return ExitStatus.Failure;
        }
    }

    private async Task<int> GuardAsync(Func<Task<int>> command)
    {
        try
        {
            return await command();
        }
        catch (LineNotKeptException e)
        {
            report(e.Message);
            return ExitStatus.NotKept;
        }
        catch (Exception e) when (e is StoreException or IOException or UnauthorizedAccessException or InvalidDataException)
        {
            report(e.Message);
            return ExitStatus.Failure;
        }
    }

#pragma warning disable CA1416 // Directory has looked.
    private int ListStreams(ParseResult parsed)
    {
        foreach (StreamSummary stream in Directory(parsed).ListStreams())
        {
            parsed.InvocationConfiguration.Output.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{stream.Name}\t{stream.Count}\t{stream.FirstKept}\t{stream.Segments}\t{stream.Bytes}"));
        }

        return ExitStatus.Success;
    }

    private int Verify(ParseResult parsed)
    {
        IReadOnlyList<string> problems = Directory(parsed).Verify();
        foreach (string problem in problems)
        {
            report(problem);
        }

        return problems.Count == 0 ? ExitStatus.Success : ExitStatus.Failure;
    }

    private int Forget(ParseResult parsed)
    {
        string name = parsed.GetValue(_name)!;
        if (StreamName.IsValid(name) && Directory(parsed).Forget(name))
        {
            return ExitStatus.Success;
        }

        report($"there is no stream '{name}'");
        return ExitStatus.Failure;
    }

    private int Repair(ParseResult parsed)
    {
        foreach (string dropped in Directory(parsed).Repair())
        {
            parsed.InvocationConfiguration.Output.WriteLine($"dropped: {dropped}");
        }

        return ExitStatus.Success;
    }
#pragma warning restore CA1416

    private async Task<int> CatAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        string name = parsed.GetValue(_stream)!;
        string path = parsed.GetValue(_directory)!;
        if (!StreamName.IsValid(name) || !System.IO.Directory.Exists(Path.Combine(path, "lines")))
        {
            report(StreamName.IsValid(name) ? $"{path} is no store" : $"'{name}' is no name for a stream");
            return ExitStatus.Failure;
        }

        bool follows = parsed.GetValue(_follow);
        if (!follows && !System.IO.Directory.Exists(Path.Combine(path, "lines", name)))
        {
            report($"there is no stream '{name}'");
            return ExitStatus.Failure;
        }

        long left = parsed.GetValue(_lines) ?? long.MaxValue;
        using StreamCursor cursor = StreamCursor.Open(path, name, parsed.GetValue(_from));
        while (left > 0)
        {
            long number = cursor.NextLine;
            if (cursor.TryRead(left, out ReadOnlySpan<byte> lines, out long count))
            {
                left -= count;
                Write(parsed.GetValue(_numbers) ? Numbered(lines, cursor.NextLine - count) : lines);
            }
            else if (!follows || !await PauseAsync(cancellationToken))
            {
                break;
            }
        }

        return ExitStatus.Success;
    }

    private static async Task<bool> PauseAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Task.Delay(FollowPause, cancellationToken);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static byte[] Numbered(ReadOnlySpan<byte> lines, long number)
    {
        var numbered = new MemoryStream();
        while (!lines.IsEmpty)
        {
            int length = lines.IndexOf((byte)'\n') + 1;
            numbered.Write(System.Text.Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{number++}\t")));
            numbered.Write(lines[..length]);
            lines = lines[length..];
        }

        return numbered.ToArray();
    }
}
