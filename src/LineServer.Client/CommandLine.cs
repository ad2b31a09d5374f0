using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Diagnostics.CodeAnalysis;
using LineServer.Client.Streams;
using LineServer.Framing;
using LineServer.Linux;

namespace LineServer.Client;

/// <summary>The options and arguments of <c>lineclient</c>: their names, their texts, and what may stand in them.</summary>
internal sealed class CommandLine
{
    private readonly Argument<ServerAddress?> _address = new("ADDRESS")
    {
        Description = "Where the server listens: tcp://HOST:PORT, HOST:PORT, unix:PATH, or unix:@NAME for an abstract name.",
        CustomParser = ParseAddress,
    };

    private readonly Argument<string[]> _files = new("FILE")
    {
        Description = "What to send, one after the other. None, or -, is standard input.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    /// <summary>What <c>--replies none</c> is read as: a parser may not give null.</summary>
    private const int NoReplies = -1;

    private readonly Option<int?> _replies = new("--replies")
    {
        Description = "Expect N replies to each line. [default: none: whatever comes is copied]",
        HelpName = "N|none",
        CustomParser = ParseReplies,
    };

    private readonly Option<bool> _checkEcho = new("--check-echo") { Description = "Expect each line back, byte for byte (one reply for each line)." };

    private readonly Option<long?> _window = new("--window")
    {
        Description = "Send at most N lines ahead of their replies, for each connection. Needs --replies or --check-echo.",
        HelpName = "N",
        CustomParser = result => ParseWhole(result, 1, 1_000_000_000),
    };

    private readonly Option<double?> _rate = new("--rate")
    {
        Description = "Send N lines a second, over all connections. Latency then counts from when a line was due.",
        HelpName = "N",
        CustomParser = ParseRate,
    };

    private readonly Option<long?> _repeat = new("--repeat")
    {
        Description = "Send the input N times. Needs files. [default: 1]",
        HelpName = "N",
        CustomParser = result => ParseWhole(result, 1, 1_000_000_000_000),
    };

    private readonly Option<long?> _connections = new("--connections")
    {
        Description = "Open N connections; each sends the whole input. All are open before any sends. Needs files. [default: 1]",
        HelpName = "N",
        CustomParser = result => ParseWhole(result, 1, 1_000_000),
    };

    private readonly Option<bool> _terminate = new("--terminate") { Description = "Add the LF that an input's last line lacks." };

    private readonly Option<TimeSpan?> _timeout = new("--timeout")
    {
        Description = "Give up when connecting, or waiting for the server without any progress, takes longer. [default: 30s]",
        HelpName = "TIME",
        CustomParser = ParseTime,
    };

    private readonly Option<TimeSpan?> _maxTime = new("--max-time")
    {
        Description = "End after this time, whatever is going on. [default: no limit]",
        HelpName = "TIME",
        CustomParser = ParseTime,
    };

    private readonly Option<bool> _retry = new("--retry") { Description = "Try to connect again until the timeout is over. What was sent is never sent again." };

    private readonly Option<bool> _quiet = new("--quiet") { Description = "Do not copy replies; show no progress." };

    private readonly Option<bool> _stats = new("--stats") { Description = "At the end, tell lines, bytes, speed and, where replies are expected, latencies." };

    private readonly Option<string?> _stream = new("--stream")
    {
        Description = "Send the lines of one FILE, or of standard input, as the acknowledged lines of the stream NAME: "
            + "reconnect and resume until the server has stored them all, each once.",
        HelpName = "NAME",
        CustomParser = ParseStream,
    };

    private readonly Option<bool> _follow = new("--follow") { Description = "With --stream: go on as the file grows, and through its rotation, until SIGINT or SIGTERM." };

    private readonly Option<bool> _resend = new("--resend")
    {
        Description = "With --stream: when the server has another store than last time, or fewer lines than it had acknowledged, send again what it lacks.",
    };

    private readonly Option<string?> _tokenFile = new("--token-file")
    {
        Description = "With --stream: the file whose only line is the stream's token.",
        HelpName = "PATH",
    };

    private readonly Option<string?> _state = new("--state")
    {
        Description = "With --stream: where to remember what was acknowledged, and to keep standard input until it is. "
            + "[default: lineclient under $XDG_STATE_HOME, or ~/.local/state/lineclient]",
        HelpName = "DIR",
    };

    private readonly Option<long?> _spoolLimit = new("--spool-limit")
    {
        Description = "With --stream: keep at most so many bytes of standard input on disk. Then reading stops until some are acknowledged. [default: 1G]",
        HelpName = "SIZE",
        CustomParser = ParseSpoolLimit,
    };

    private readonly Option<TimeSpan?> _giveUpAfter = new("--give-up-after")
    {
        Description = "With --stream: end when for so long no line was acknowledged and the server could not be reached or did not stay. "
            + "[default: 10m; never with --follow]",
        HelpName = "TIME|never",
        CustomParser = result => result.Tokens[0].Value is "never" ? Timeout.InfiniteTimeSpan : ParseTime(result),
    };

    private readonly RootCommand _command;

    public CommandLine()
    {
        _command = new("Sends lines to a server and copies its replies to standard output.")
        {
            _address, _files, _replies, _checkEcho, _window, _rate, _repeat, _connections, _terminate, _timeout, _maxTime, _retry, _quiet, _stats,
            _stream, _follow, _resend, _tokenFile, _state, _spoolLimit, _giveUpAfter,
        };
        _command.Directives.Clear();
        foreach (Option<bool> flag in _command.Options.OfType<Option<bool>>())
        {
            // Otherwise --quiet would eat a file called true.
            flag.Arity = ArgumentArity.Zero;
        }

        _command.Options.OfType<VersionOption>().Single().Action = new NameAndVersion();
        HelpOption help = _command.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
    }

    /// <summary>Reads the command line.</summary>
    /// <param name="args">As given to the process.</param>
    /// <param name="notes">Where a mistake is told, in one line.</param>
    /// <param name="options">What was asked for.</param>
    /// <param name="exitStatus">Where there is nothing to run: help was shown, or a mistake found.</param>
    public bool TryParse(string[] args, TextWriter notes, [NotNullWhen(true)] out RunOptions? options, out int exitStatus)
    {
        options = null;

        // No @file: a file name is a file name.
        ParseResult result = _command.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (result.Action is HelpWithExamples || result.Action is not null and not HelpAction && result.Errors.Count == 0)
        {
            exitStatus = result.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
            return false;
        }

        string? mistake = UnknownOption(args, result) ?? MissingAddress(result) ?? WithoutStream(result) ?? (result.Errors is [var first, ..] ? first.Message : null);
        RunOptions? read = mistake is null ? ToOptions(result) : null;
        mistake ??= Contradiction(read!);
        if (read is null || mistake is not null)
        {
            notes.WriteLine($"lineclient: {mistake!.TrimEnd('.')} (lineclient --help tells more)");
            exitStatus = ExitStatus.BadOption;
            return false;
        }

        options = read;
        exitStatus = ExitStatus.Success;
        return true;
    }

    /// <summary>The parser takes what it does not know for an argument. A file whose name begins with a dash is given as ./-name, or after --.</summary>
    private string? UnknownOption(string[] args, ParseResult result)
    {
        IEnumerable<Token> arguments = (result.GetResult(_address)?.Tokens ?? []).Concat(result.GetResult(_files)?.Tokens ?? []);
        IEnumerable<string> beforeDashes = args.TakeWhile(arg => arg is not "--");
        string? unknown = arguments.Select(token => token.Value).FirstOrDefault(
            value => value is ['-', _, ..] && beforeDashes.Contains(value, StringComparer.Ordinal));
        if (unknown is null)
        {
            return null;
        }

        string? meant = Spelling.Nearest(unknown, _command.Options.Select(option => option.Name));
        return meant is null ? $"there is no option {unknown}" : $"there is no option {unknown}; did you mean {meant}?";
    }

    private string? MissingAddress(ParseResult result) =>
        result.GetResult(_address) is { Tokens.Count: > 0 } ? null : "ADDRESS is missing, as in lineclient localhost:7007 lines.txt";

    /// <summary>An option that means something only for a stream, or nothing for one.</summary>
    private string? WithoutStream(ParseResult result)
    {
        Option[] forStreams = [_follow, _resend, _tokenFile, _state, _spoolLimit, _giveUpAfter];
        Option[] forOthers = [_replies, _checkEcho, _connections, _repeat, _window, _rate];
        bool isStream = result.GetResult(_stream) is not null;
        Option? wrong = (isStream ? forOthers : forStreams).FirstOrDefault(option => result.GetResult(option) is { Implicit: false });
        return wrong is null ? null : isStream ? $"--stream and {wrong.Name} exclude each other" : $"{wrong.Name} needs --stream NAME";
    }

    private static string? Contradiction(RunOptions options)
    {
        bool fromStandardInput = options.Files.Contains("-", StringComparer.Ordinal);
        return options switch
        {
            { Stream: not null, Files.Count: > 1 } => "--stream takes one FILE",
            { Follow: true } when fromStandardInput => "--follow needs a file",
            { CheckEcho: true, Replies: not 1 } => "--check-echo expects one reply for each line, not what --replies says",
            { Window: not null, Replies: null or 0 } => "--window needs --replies N, from 1, or --check-echo",
            { Repeat: > 1 } when fromStandardInput => "--repeat needs files: standard input can be read only once",
            { Connections: > 1 } when fromStandardInput => "--connections needs files: standard input can be read only once",
            _ => null,
        };
    }

    private static ServerAddress? ParseAddress(ArgumentResult result)
    {
        if (!ServerAddress.TryParse(result.Tokens[0].Value, out ServerAddress? address, out string? error))
        {
            result.AddError(error);
        }

        return address;
    }

    private static int? ParseReplies(ArgumentResult result) =>
        result.Tokens[0].Value is "none" ? NoReplies : (int?)ParseWhole(result, 0, 1_000_000, " or none");

    private static long? ParseWhole(ArgumentResult result, long min, long max, string orElse = "")
    {
        string text = result.Tokens[0].Value;
        if (Units.TryParseCount(text, out decimal value) && decimal.IsInteger(value) && value >= min && value <= max)
        {
            return (long)value;
        }

        result.AddError($"{OptionName(result)} takes a whole number from {min} to {max}{orElse}, not '{text}'");
        return null;
    }

    private static double? ParseRate(ArgumentResult result)
    {
        const decimal Min = 0.001m, Max = 1_000_000_000;
        string text = result.Tokens[0].Value;
        if (Units.TryParseCount(text, out decimal value) && value is >= Min and <= Max)
        {
            return (double)value;
        }

        result.AddError($"{OptionName(result)} takes a number from {Min} to {Max}, not '{text}'");
        return null;
    }

    private static TimeSpan? ParseTime(ArgumentResult result)
    {
        const double Min = 0.001, Max = 1_000_000;
        string text = result.Tokens[0].Value;
        if (Units.TryParseTime(text, plainIsSeconds: true, out TimeSpan time) && time.TotalSeconds is >= Min and <= Max)
        {
            return time;
        }

        result.AddError($"{OptionName(result)} takes a time from 1ms to {Max:0}s, as in 30, 500ms, 5m or 1h, not '{text}'");
        return null;
    }

    private static string? ParseStream(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (StreamName.IsValid(text))
        {
            return text;
        }

        result.AddError($"{OptionName(result)} takes 1 to {StreamName.MaxLength} of A-Z a-z 0-9 . _ -, the first a letter or digit, not '{text}'");
        return null;
    }

    private static long? ParseSpoolLimit(ArgumentResult result)
    {
        const long Min = 1 << 20;
        string text = result.Tokens[0].Value;
        if (Units.TryParseSize(text, out long bytes) && bytes >= Min)
        {
            return bytes;
        }

        result.AddError($"{OptionName(result)} takes a size from 1M, as in 64M or 2G, not '{text}'");
        return null;
    }

    private static string OptionName(ArgumentResult result) => ((OptionResult)result.Parent!).Option.Name;

    private RunOptions ToOptions(ParseResult result)
    {
        bool checkEcho = result.GetValue(_checkEcho);
        bool repliesGiven = result.GetResult(_replies) is { Implicit: false };
        return new()
        {
            Address = result.GetValue(_address)!,
            Files = result.GetValue(_files) is { Length: > 0 } files ? files : ["-"],
            CheckEcho = checkEcho,
            Replies = checkEcho && !repliesGiven ? 1 : result.GetValue(_replies) is int replies and not NoReplies ? replies : null,
            Window = result.GetValue(_window),
            Rate = result.GetValue(_rate),
            Repeat = result.GetValue(_repeat) ?? 1,
            Connections = (int)(result.GetValue(_connections) ?? 1),
            Terminate = result.GetValue(_terminate),
            Timeout = result.GetValue(_timeout) ?? TimeSpan.FromSeconds(30),
            MaxTime = result.GetValue(_maxTime),
            Retry = result.GetValue(_retry),
            Quiet = result.GetValue(_quiet),
            Stats = result.GetValue(_stats),
            Stream = result.GetValue(_stream),
            Follow = result.GetValue(_follow),
            Resend = result.GetValue(_resend),
            TokenFile = result.GetValue(_tokenFile),
            StateDirectory = result.GetValue(_state) ?? StateFolder.DefaultRoot,
            SpoolLimit = result.GetValue(_spoolLimit) ?? 1L << 30,
            GiveUpAfter = result.GetValue(_giveUpAfter) ?? (result.GetValue(_follow) ? Timeout.InfiniteTimeSpan : TimeSpan.FromMinutes(10)),
        };
    }
}
