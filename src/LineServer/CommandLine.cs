using System.CommandLine;
using System.CommandLine.Parsing;
using System.Diagnostics;
using System.Reflection;
using System.Text;
using LineServer.Configuration;
using LineServer.Daemon;
using LineServer.Handlers;
using LineServer.Linux;
using LineServer.Logging;

namespace LineServer;

/// <summary>The commands and their options.</summary>
internal sealed class CommandLine(Signals signals, ErrorOutput errors)
{
    // Reported after the output is written, before the command ends.
    private readonly List<string> _conclusion = [];

    private readonly Option<string?> _config = new("--config", "-c")
    {
        Description = "The JSON file to read the configuration from.",
        HelpName = "FILE",
    };

    private readonly Option<string[]> _listen = new("--listen", "-l")
    {
        Description = "Where to listen: tcp://HOST:PORT, unix:PATH or systemd:NAME. May be given several times; replaces the endpoints of the file. Without any endpoint: tcp://127.0.0.1:7007.",
        HelpName = "ADDRESS",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string?> _handler = new("--handler", "-H")
    {
        Description = "What to do with the lines that --listen, or the default endpoint, receives: see 'lineserver handlers'.",
        HelpName = "NAME",
    };

    private readonly Option<string?> _transport = new("--transport")
    {
        Description = $"How bytes are received and sent: {string.Join(" or ", ServerSettings.Transports)}.",
        HelpName = "NAME",
    };

    private readonly Option<string?> _store = new("--store")
    {
        Description = "The directory of the store, for the handlers 'append' and 'read'. Made if it is missing.",
        HelpName = "DIR",
    };

    private readonly Option<bool> _acknowledge = new("--acknowledge")
    {
        Description = "With the handler 'append': clients name their stream, and are told what is stored (LS1).",
    };

    private readonly Option<string[]> _set = new("--set", "-s")
    {
        Description = "Sets a key of the configuration, for instance Limits:MaxLineSize=1000. May be given several times.",
        HelpName = "KEY=VALUE",
        DefaultValueFactory = _ => [],
    };

    /// <summary>
    /// The exit status if a signal arrives before there is a server to stop: only an interrupted start succeeds.
    /// </summary>
    public int StatusWhenInterrupted { get; private set; }

    private static string Version => typeof(CommandLine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    /// <summary>Runs the command that the arguments name.</summary>
    /// <returns>The exit status.</returns>
    public async Task<int> RunAsync(string[] args)
    {
        // No response files: an argument that begins with @ has no special meaning.
        RootCommand root = Build();
        ParseResult parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.GetResult(root.Options.OfType<VersionOption>().Single()) is { Implicit: false })
        {
            return TryWriteOutput($"lineserver {Version}\n") ? ExitStatus.Success : ExitStatus.Failure;
        }

        if (parsed.Errors.Count > 0)
        {
            // One line each. The library would print the whole help and exit with 1, and it validates an option before
            // its command twice.
            string[] known = [.. root.Subcommands.Select(command => command.Name), .. root.Options.Concat(parsed.CommandResult.Command.Options).Select(option => option.Name)];
            return ReportUsage(parsed.Errors.Select(error => Spelling.Explain(error.Message.ReplaceLineEndings(" "), parsed.UnmatchedTokens, known)).Distinct(StringComparer.Ordinal));
        }

        try
        {
            using var output = new StringWriter();
            int status = await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null, Output = output });
            if (!TryWriteOutput(output.ToString()))
            {
                return ExitStatus.Failure;
            }

            _conclusion.ForEach(Report);
            return status;
        }
        catch (UsageException e)
        {
            return ReportUsage([e.Message]);
        }
        catch (InvalidConfigurationException e)
        {
            foreach (ConfigurationError error in e.Errors)
            {
                Report(error.ToString());
            }

            return ExitStatus.Configuration;
        }
        catch (StartException e)
        {
            Report(e.Message);
            return ExitStatus.Failure;
        }
#pragma warning disable CA1031 // The last line of defence of a command: LastResort is that of the other threads.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Report(LastResort.Describe(e));
            return ExitStatus.Failure;
        }
    }

    // Not through Console: its stream ignores EPIPE, and does not notice a closed descriptor.
    private bool TryWriteOutput(string text)
    {
        try
        {
            if (text.Length > 0)
            {
                StandardStream.Output.Write(Encoding.UTF8.GetBytes(text));
            }

            return true;
        }
        catch (IOException e)
        {
            Report($"standard output cannot be written: {e.Message}");
            return false;
        }
    }

    private void Report(string problem) => errors.Report($"lineserver: {problem}");

    private int ReportUsage(IEnumerable<string> problems)
    {
        foreach (string problem in problems)
        {
            Report(problem);
        }

        errors.Report("Try 'lineserver --help'.");
        return ExitStatus.Usage;
    }

    private RootCommand Build()
    {
        var run = new Command("run", "Serves; the default.") { _config, _listen, _handler, _store, _acknowledge, _transport, _set };
        run.SetAction((parsed, _) => ServeAsync(parsed));
        var check = new Command("check", "Reads the configuration, prints what would hold, and tries each address without listening. Exit status 0, 1 if an endpoint could not listen, or 78 if the configuration is wrong.") { _config, _set };
        check.SetAction((parsed, _) => CheckAsync(parsed));
        var handlers = new Command("handlers", "Lists the built-in handlers and their options.");
        handlers.SetAction(ListHandlers);
        Command store = new StoreCommands(Report).Build();
        Command engine = new EngineCommands(Report).Build();
        var root = new RootCommand(
            """
            Serves newline-terminated lines over TCP and Unix sockets.

            With no arguments it sends every line back to its client, on tcp://127.0.0.1:7007. Try it:
              lineserver &
              printf 'hello\nworld\n' | nc -N 127.0.0.1 7007

            SIGTERM and SIGINT drain: the server accepts no more connections, answers what it has received, then closes.
            A second signal aborts, if it comes at least half a second after the first.
            Configuration: the file of --config, then environment variables (LINESERVER__Limits__MaxLineSize=1000), then --set.
            Exit status: 0 ended in order, 1 failed or cannot listen, 2 bad option, 78 bad configuration.
            """)
        {
            _config, _listen, _handler, _store, _acknowledge, _transport, _set, run, check, handlers, store, engine,
        };
        root.SetAction((parsed, _) => ServeAsync(parsed));
        check.Validators.Add(result => RefuseOptionsBefore(result, [_listen, _handler, _store, _acknowledge, _transport]));
        handlers.Validators.Add(result => RefuseOptionsBefore(result, [_config, _listen, _handler, _store, _acknowledge, _transport, _set]));
        foreach (Command command in store.Subcommands)
        {
            command.Validators.Add(result => RefuseOptionsBefore(result.Parent as CommandResult ?? result, [_config, _listen, _handler, _store, _acknowledge, _transport, _set]));
        }

        _listen.Validators.Add(ValidateListen);
        _handler.Validators.Add(result => ValidateName(result, _handler, [.. BuiltInHandler.All.Select(handler => handler.Name)]));
        _transport.Validators.Add(result => ValidateName(result, _transport, ServerSettings.Transports));
        _set.Validators.Add(ValidateSet);
        return root;
    }

    private async Task<int> ServeAsync(ParseResult parsed)
    {
        ConfigurationSources sources = Sources(parsed);
        EndpointAddress[] listen = [.. parsed.GetValue(_listen)!.Select(ParseAddress)];
        string? handler = parsed.GetValue(_handler);
        if (handler is not null && listen.Length == 0 && sources.WhereAreEndpoints() is { } where)
        {
            throw new UsageException($"--handler is for the endpoints of --listen; {where} has endpoints of its own, and each names its handler.");
        }

        var shortForm = new ShortForm(handler, parsed.GetValue(_store), parsed.GetValue(_acknowledge));
        CheckShortForm(shortForm);
        ServerSettings settings = SettingsReader.Read(sources, listen, shortForm);
        await using var host = new DaemonHost(settings, sources.Root, signals, errors);
        return await host.RunAsync(sources.File);
    }

    private static void CheckShortForm(ShortForm shortForm)
    {
        bool needsStore = shortForm.Handler is { } handler && BuiltInHandler.Find(handler)!.NeedsStore;
        if (shortForm.StoreDirectory is not null && !needsStore)
        {
            throw new UsageException("--store is for --handler append and --handler read.");
        }

        if (shortForm.IsAcknowledged && shortForm.Handler is not "append")
        {
            throw new UsageException("--acknowledge is for --handler append.");
        }
    }

    private async Task<int> CheckAsync(ParseResult parsed)
    {
        StatusWhenInterrupted = ExitStatus.Failure;
        ConfigurationSources sources = Sources(parsed);
        ServerSettings settings = SettingsReader.Read(sources, [], new ShortForm());
        await using var host = new DaemonHost(settings, sources.Root, signals, errors);
        await parsed.InvocationConfiguration.Output.WriteLineAsync(SettingsPrinter.Print(settings, sources.Root.GetSection("Logging")));

        // On standard error, because standard output is a configuration file.
        IReadOnlyList<string> problems = AddressCheck.Problems(settings);
        _conclusion.AddRange(problems.Count > 0 ? problems : ["ok"]);
        return problems.Count > 0 ? ExitStatus.Failure : ExitStatus.Success;
    }

    private static int ListHandlers(ParseResult parsed)
    {
        TextWriter output = parsed.InvocationConfiguration.Output;
        foreach (BuiltInHandler handler in BuiltInHandler.All)
        {
            string options = handler.Options.Length == 0 ? "none" : string.Join(", ", handler.Options);
            output.WriteLine($"{handler.Name,-8} {handler.Summary}");
            output.WriteLine($"{"",-8} options: {options}; a line that is too long: {handler.OversizeLineBehavior}");
        }

        return ExitStatus.Success;
    }

    private ConfigurationSources Sources(ParseResult parsed)
    {
        List<KeyValuePair<string, string?>> set = [.. parsed.GetValue(_set)!.Select(pair => pair.Split('=', 2)).Select(pair => KeyValuePair.Create(pair[0], (string?)pair[1]))];
        if (parsed.GetResult(_transport) is { Implicit: false })
        {
            set.Add(new("Transport", parsed.GetValue(_transport)));
        }

        return new ConfigurationSources(parsed.GetValue(_config), set);
    }

    private static EndpointAddress ParseAddress(string text) =>
        EndpointAddress.TryParse(text, out EndpointAddress? address, out string problem) ? address : throw new UnreachableException(problem);

    // The library would accept an option in front of a command that does not have it, and ignore it.
    private static void RefuseOptionsBefore(CommandResult command, Option[] options)
    {
        foreach (Option option in options.Where(option => command.Parent is CommandResult parent && parent.Children.OfType<OptionResult>().Any(given => given.Option == option && !given.Implicit)))
        {
            command.AddError($"{option.Name} is not an option of '{command.Command.Name}'.");
        }
    }

    private static void ValidateListen(OptionResult result)
    {
        var seen = new HashSet<EndpointAddress>();
        foreach (Token token in result.Tokens)
        {
            if (!EndpointAddress.TryParse(token.Value, out EndpointAddress? address, out string problem))
            {
                result.AddError($"--listen: {problem}.");
            }
            else if (address.IsExclusive && !seen.Add(address))
            {
                result.AddError($"--listen: {address} is given twice.");
            }
        }
    }

    private static void ValidateSet(OptionResult result)
    {
        // Compares keys as .NET's configuration does, which would throw.
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (string key in result.Tokens.Select(token => token.Value.Split('=', 2)[0]).Where(key => !seen.Add(key)))
        {
            result.AddError($"--set: {key} is given twice.");
        }

        foreach (Token token in result.Tokens.Where(token => token.Value.IndexOf('=', StringComparison.Ordinal) < 1))
        {
            result.AddError($"--set: '{token.Value}' is not KEY=VALUE.");
        }
    }

    private static void ValidateName(OptionResult result, Option option, string[] names)
    {
        foreach (Token token in result.Tokens.Where(token => !names.Contains(token.Value, StringComparer.OrdinalIgnoreCase)))
        {
            result.AddError($"{option.Name}: '{token.Value}' is unknown; {Spelling.Suggest(token.Value, names)}");
        }
    }
}
