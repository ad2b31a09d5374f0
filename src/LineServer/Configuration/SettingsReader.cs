using System.Reflection;
using System.Text;
using LineServer.Framing;
using LineServer.Handlers;
using LineServer.Hosting;
using LineServer.Linux;
using LineServer.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace LineServer.Configuration;

/// <summary>
/// Reads the configuration strictly. Unknown keys and bad values are errors, reported with their place.
/// </summary>
internal sealed class SettingsReader
{
    // By the names of the settings: MaxLineSize, Epoll:ReadBudget, Retention:MaxBytes.
    private static readonly string[] Sizes = ["Size", "Budget", "Bytes"];

    // LS1 says how lines end, and what becomes of long and of unfinished ones.
    private static readonly string[] DecidedByProtocol = ["Delimiter", "OversizeLineBehavior", "IncompleteLineBehavior", "Mode"];

    private readonly ConfigurationSources _sources;
    private readonly List<ConfigurationError> _errors = [];
    private readonly List<StoreSettings> _stores = [];

    private SettingsReader(ConfigurationSources sources) => _sources = sources;

    /// <param name="sources">The sources to read.</param>
    /// <param name="listen">Addresses that replace the configured endpoints; if empty, those stay.</param>
    /// <param name="shortForm">What the command line says of these addresses, or of the default endpoint.</param>
    /// <exception cref="InvalidConfigurationException">
    /// The configuration has errors; the exception lists them all.
    /// </exception>
    public static ServerSettings Read(ConfigurationSources sources, IReadOnlyList<EndpointAddress> listen, ShortForm shortForm)
    {
        var reader = new SettingsReader(sources);
        ServerSettings settings = reader.Read(listen, shortForm);
        return reader._errors.Count == 0 ? settings : throw new InvalidConfigurationException(reader._errors);
    }

    private ServerSettings Read(IReadOnlyList<EndpointAddress> listen, ShortForm shortForm)
    {
        _errors.AddRange(_sources.ForeignSections());
        IConfigurationSection root = _sources.Root.GetSection(ConfigurationSources.Section);
        RequireSection(root);
        var limits = new ServerLimits();
        var framing = new FramingSettings();
        var sockets = new SocketsSettings();
        var epoll = new EpollSettings();
        string transport = ServerSettings.Transports[0];
        IReadOnlyList<IConfigurationSection> endpoints = [];
        foreach (IConfigurationSection section in root.GetChildren())
        {
            switch (section.Key.ToUpperInvariant())
            {
                case "TRANSPORT":
                    transport = ReadName(section, ServerSettings.Transports, "transport") ?? transport;
                    break;
                case "SOCKETS":
                    Bind(section, sockets, []);
                    break;
                case "EPOLL":
                    Bind(section, epoll, []);
                    break;
                case "LIMITS":
                    Bind(section, limits, []);
                    break;
                case "FRAMING":
                    Bind(section, framing, []);
                    break;
                case "STORES":
                    RequireSection(section);
                    _stores.AddRange(section.GetChildren().Select(ReadStore));
                    break;
                case "ENDPOINTS":
                    RequireSection(section);
                    endpoints = [.. section.GetChildren()];
                    break;
                default:
                    Unknown(section, ["Transport", "Sockets", "Epoll", "Limits", "Framing", "Stores", "Endpoints"]);
                    break;
            }
        }

        Check(limits.Validate(), root.GetSection("Limits"));
        Check(framing.Validate(), root.GetSection("Framing"));
        Check(epoll.Validate(), root.GetSection("Epoll"));
        CheckLogging(_sources.Root.GetSection("Logging"));
        CheckDirectories(root.GetSection("Stores"));
        List<EndpointSettings> configured = [.. endpoints.Select(section => ReadEndpoint(section, limits, framing)).OfType<EndpointSettings>()];
        if (listen.Count > 0 || endpoints.Count == 0)
        {
            IReadOnlyList<EndpointAddress> addresses = listen.Count > 0 ? listen : [EndpointAddress.Default];
            string handler = shortForm.Handler ?? BuiltInHandler.All[0].Name;
            configured = [.. addresses.Select((address, i) => MakeEndpoint(
                addresses.Count == 1 ? handler : $"{handler}{i + 1}", address, handler, limits.ForEndpoint(), framing, shortForm))];
        }

        CheckAddresses(configured, root.GetSection("Endpoints"));
        return new ServerSettings(transport, sockets, epoll, limits, _stores, configured);
    }

    private EndpointSettings MakeEndpoint(
        string name, EndpointAddress address, string handler, LineLimits limits, FramingSettings framing, ShortForm shortForm)
    {
        StoreSettings? store = null;
        if (BuiltInHandler.Find(handler)!.NeedsStore)
        {
            CheckStoredLines(_sources.Root.GetSection(ConfigurationSources.Section), handler, limits, framing);
            framing = shortForm.IsAcknowledged ? new FramingSettings() : framing;
            if (shortForm.StoreDirectory is { } directory)
            {
                store = _stores.Find(known => known.Name == StoreSettings.DefaultName);
                if (store is null)
                {
                    _stores.Add(store = new StoreSettings(StoreSettings.DefaultName));
                }

                store.Directory = directory;
            }
            else
            {
                store = _stores.Count == 1 ? _stores[0] : throw new UsageException($"the handler '{handler}' needs --store DIR.");
            }
        }

        return new EndpointSettings(name, address, handler, string.Empty, limits, framing)
        {
            Store = store?.Name,
            Stream = store is null || shortForm.IsAcknowledged ? null : name,
            IsAcknowledged = shortForm.IsAcknowledged,
        };
    }

    private StoreSettings ReadStore(IConfigurationSection section)
    {
        var store = new StoreSettings(section.Key);
        if (!RequireSection(section))
        {
            return store;
        }

        Bind(section, store, [], sections: ["Retention"]);
        if (store.IsInPostgreSql && section[nameof(store.Durability)] is null)
        {
            store.Durability = Durability.Replicated;
        }

        Check(store.Validate(), section);
        IConfigurationSection retention = section.GetSection("Retention");
        if (retention.Exists())
        {
            Bind(retention, store.Retention, []);
            Check(store.Retention.Validate(), retention);
        }

        if (store.Directory.Length == 0 && !store.IsInPostgreSql)
        {
            Error(section, "the store has no Directory, and no ConnectionString");
        }

        string[] others = store.IsInPostgreSql ? [nameof(store.Directory), nameof(store.MaxStreams), nameof(store.SegmentSize), nameof(store.Compress), "Retention:MaxBytes"] : [nameof(store.Schema)];
        foreach (string other in others.Where(key => section[key] is not null))
        {
            Error(section.GetSection(other), store.IsInPostgreSql ? "it is of stores in a Directory, and this one has a ConnectionString" : "it is of stores with a ConnectionString");
        }

        return store;
    }

    private void CheckDirectories(IConfigurationSection section)
    {
        foreach (IGrouping<string, StoreSettings> same in _stores.Where(store => store.Directory.Length > 0).GroupBy(store => Path.TrimEndingDirectorySeparator(Path.GetFullPath(store.Directory)), StringComparer.Ordinal))
        {
            foreach (StoreSettings store in same.Skip(1))
            {
                Error(section.GetSection($"{store.Name}:Directory"), $"{same.Key} is the directory of store '{same.First().Name}' already");
            }
        }
    }

    private EndpointSettings? ReadEndpoint(IConfigurationSection endpoint, ServerLimits serverLimits, FramingSettings serverFraming)
    {
        if (!RequireSection(endpoint))
        {
            return null;
        }

        ServerLimits limits = serverLimits.ForEndpoint();
        FramingSettings framing = serverFraming.Clone();
        EndpointAddress? address = null;
        string handler = BuiltInHandler.All[0].Name;
        string? prefix = null;
        bool? raw = null;
        bool? acknowledge = null;
        string? store = null;
        string? stream = null;
        var tokens = new List<TokenSettings>();
        UnixFileMode? mode = null;
        uint? group = null;
        foreach (IConfigurationSection section in endpoint.GetChildren())
        {
            switch (section.Key.ToUpperInvariant())
            {
                case "ADDRESS":
                    if (!EndpointAddress.TryParse(section.Value, out address, out string problem))
                    {
                        Error(section, problem);
                    }

                    break;
                case "HANDLER":
                    handler = ReadName(section, [.. BuiltInHandler.All.Select(known => known.Name)], "handler") ?? handler;
                    break;
                case "PREFIX":
                    prefix = section.Value ?? string.Empty;
                    break;
                case "RAW":
                    raw = ReadValue<bool>(section);
                    break;
                case "ACKNOWLEDGE":
                    acknowledge = ReadValue<bool>(section);
                    break;
                case "STORE":
                    store = ReadName(section, [.. _stores.Select(known => known.Name)], "store of LineServer:Stores") ?? string.Empty;
                    break;
                case "STREAM":
                    stream = section.Value ?? string.Empty;
                    if (!StreamName.IsValid(stream))
                    {
                        Error(section, $"'{stream}' is no name for a stream: 1 to {StreamName.MaxLength} letters, digits and . _ -, the first a letter or digit");
                    }

                    break;
                case "TOKENS":
                    RequireSection(section);
                    tokens.AddRange(section.GetChildren().Select(ReadToken));
                    break;
                case "UNIXSOCKETMODE":
                    mode = ReadValue<UnixFileMode>(section);
                    break;
                case "UNIXSOCKETGROUP":
                    group = SystemGroup.Find(section.Value ?? string.Empty);
                    if (group is null)
                    {
                        Error(section, $"'{section.Value}' is neither a group of this system nor a number");
                    }

                    break;
                case "LIMITS":
                    Bind(section, limits, ServerLimits.ServerOnly);
                    Check(limits.Validate().Except(serverLimits.Validate(), StringComparer.Ordinal), section);
                    break;
                case "FRAMING":
                    Bind(section, framing, []);
                    Check(framing.Validate().Except(serverFraming.Validate(), StringComparer.Ordinal), section);
                    break;
                default:
                    Unknown(section, ["Address", "Handler", "Limits", "Framing", "UnixSocketMode", "UnixSocketGroup", .. BuiltInHandler.All.SelectMany(known => known.Options)]);
                    break;
            }
        }

        foreach (string option in BuiltInHandler.All.SelectMany(known => known.Options).Distinct(StringComparer.Ordinal).Where(option => endpoint.GetSection(option).Exists()))
        {
            if (!BuiltInHandler.Find(handler)!.Options.Contains(option, StringComparer.Ordinal))
            {
                Error(endpoint.GetSection(option), $"the handler '{handler}' has no such option");
            }
        }

        foreach (string key in new[] { "UnixSocketMode", "UnixSocketGroup" })
        {
            if (endpoint.GetSection(key).Exists() && address is not null && !address.IsFile)
            {
                Error(endpoint.GetSection(key), $"{address} makes no file");
            }
        }

        if (prefix is not null && Encoding.UTF8.GetBytes(prefix).Contains(framing.Delimiter.Value))
        {
            Error(endpoint.GetSection("Prefix"), $"it holds the delimiter ({framing.Delimiter}), so that one reply would become two");
        }

        if (!endpoint.GetSection("Address").Exists())
        {
            Error(endpoint, "the endpoint has no Address; write tcp://HOST:PORT, unix:PATH or systemd:NAME");
        }

        if (BuiltInHandler.Find(handler)!.NeedsStore)
        {
            CheckStored(endpoint, address, store, stream, acknowledge ?? false, tokens.Count > 0);
            CheckStoredLines(endpoint, handler, limits, framing);
            framing = acknowledge ?? false ? new FramingSettings() : framing;
        }

        return address is null
            ? null
            : new EndpointSettings(endpoint.Key, address, handler, prefix ?? string.Empty, limits, framing)
            {
                Raw = raw ?? false,
                Store = store,
                Stream = stream,
                IsAcknowledged = acknowledge ?? false,
                Tokens = tokens,
                UnixSocketMode = mode,
                UnixSocketGroup = group,
            };
    }

    private void CheckStored(
        IConfigurationSection endpoint, EndpointAddress? address, string? store, string? stream, bool isAcknowledged, bool hasTokens)
    {
        string handler = endpoint["Handler"]!;
        if (!endpoint.GetSection("Store").Exists())
        {
            Error(endpoint, $"the handler '{handler}' needs a Store");
        }

        bool isAppend = handler.Equals("append", StringComparison.OrdinalIgnoreCase);
        if (isAppend && !isAcknowledged && stream is null)
        {
            Error(endpoint, "without Acknowledge, 'append' needs a Stream: the name under which lines are stored");
        }

        if (isAppend && isAcknowledged)
        {
            if (stream is not null)
            {
                Error(endpoint.GetSection("Stream"), "with Acknowledge, each client names its own stream");
            }

            foreach (string key in DecidedByProtocol.Where(key => endpoint.GetSection("Framing").GetSection(key).Exists()))
            {
                Error(endpoint.GetSection("Framing").GetSection(key), "with Acknowledge, the protocol decides it");
            }
        }

        if (hasTokens && isAppend && !isAcknowledged)
        {
            Error(endpoint.GetSection("Tokens"), "only clients of an endpoint with Acknowledge send a token");
        }
        else if (hasTokens && address is { IsReachableFromOutside: true })
        {
            Error(endpoint.GetSection("Tokens"), $"{address} is TCP without TLS: everyone on the way could read the tokens");
        }
    }

    // For the short form, the server's own section is to blame.
    private void CheckStoredLines(IConfigurationSection section, string handler, LineLimits limits, FramingSettings framing)
    {
        if (framing.Delimiter.Value != LineFormat.LineFeed)
        {
            Error(section.GetSection("Framing:Delimiter"), $"'{handler}' keeps lines that end with LF");
        }

        if (limits.MaxLineSize > StoreOptions.LargestLine)
        {
            Error(section.GetSection("Limits:MaxLineSize"), $"'{handler}' takes lines of at most {StoreOptions.LargestLine} bytes, not {limits.MaxLineSize}");
        }
    }

    private TokenSettings ReadToken(IConfigurationSection section)
    {
        var token = new TokenSettings();
        Bind(section, token, []);
        Check(token.Validate(), section);
        return token;
    }

    private void Bind(IConfigurationSection section, object target, string[] serverOnly, string[]? sections = null)
    {
        RequireSection(section);
        PropertyInfo[] properties = [.. target.GetType().GetProperties().Where(property => property.CanWrite)];
        foreach (IConfigurationSection leaf in section.GetChildren().Where(child => sections?.Contains(child.Key, StringComparer.OrdinalIgnoreCase) != true))
        {
            PropertyInfo? property = Array.Find(properties, property => property.Name.Equals(leaf.Key, StringComparison.OrdinalIgnoreCase));
            if (property is null)
            {
                Unknown(leaf, [.. properties.Select(known => known.Name)]);
            }
            else if (serverOnly.Contains(property.Name, StringComparer.Ordinal))
            {
                Error(leaf, "it is a limit over all endpoints, and can be set for the whole server only (LineServer:Limits)");
            }
            else if (leaf.GetChildren().Any())
            {
                Error(leaf, "a single value was expected");
            }
            else if (ValueParser.TryParse(leaf.Value, property.PropertyType, out object? value, IsSize(property.Name)) is { } expected)
            {
                Error(leaf, $"'{leaf.Value}' is not {expected}");
            }
            else
            {
                property.SetValue(target, value);
            }
        }
    }

    private static bool IsSize(string name) => Sizes.Any(end => name.EndsWith(end, StringComparison.Ordinal));

    private T? ReadValue<T>(IConfigurationSection section)
        where T : struct
    {
        if (ValueParser.TryParse(section.Value, typeof(T), out object? value) is { } expected)
        {
            Error(section, $"'{section.Value}' is not {expected}");
            return null;
        }

        return (T)value!;
    }

    private string? ReadName(IConfigurationSection section, string[] names, string what)
    {
        string? found = Array.Find(names, name => name.Equals(section.Value, StringComparison.OrdinalIgnoreCase));
        if (found is null)
        {
            Error(section, $"'{section.Value}' is no {what}; {Spelling.Suggest(section.Value ?? string.Empty, names)}");
        }

        return found;
    }

    private void Check(IEnumerable<string> problems, IConfigurationSection section)
    {
        foreach (string problem in problems)
        {
            // Each problem begins with the name of its key. If this section does not set that key, the error
            // belongs to the key that it does set and that exceeds it.
            string name = problem[..problem.IndexOf(' ', StringComparison.Ordinal)];
            string? other = section.GetSection(name).Exists() ? null : section.GetChildren().FirstOrDefault(child => problem.Contains($" {child.Key} ", StringComparison.OrdinalIgnoreCase))?.Key;
            Error(section.GetSection(other ?? name), (other is null ? problem[(name.Length + 1)..] : problem).TrimEnd('.'));
        }
    }

    // The section is .NET's. The log has only one format, so only the levels have a meaning: for all loggers,
    // or for this one ("Console").
    private void CheckLogging(IConfigurationSection logging)
    {
        RequireSection(logging);
        foreach (IConfigurationSection child in logging.GetChildren())
        {
            switch (child.Key.ToUpperInvariant())
            {
                case "LOGLEVEL":
                    CheckLogLevels(child);
                    break;
                case "CONSOLE":
                    RequireSection(child);
                    foreach (IConfigurationSection inner in child.GetChildren())
                    {
                        if (inner.Key.Equals("LogLevel", StringComparison.OrdinalIgnoreCase))
                        {
                            CheckLogLevels(inner);
                        }
                        else
                        {
                            Unknown(inner, ["LogLevel"]);
                        }
                    }

                    break;
                default:
                    Unknown(child, ["Console", "LogLevel"]);
                    break;
            }
        }
    }

    private void CheckLogLevels(IConfigurationSection levels)
    {
        RequireSection(levels);
        foreach (IConfigurationSection level in levels.GetChildren())
        {
            if (level.GetChildren().Any())
            {
                Error(level, "a single value was expected");
            }
            else if (ValueParser.TryParse(level.Value, typeof(LogLevel), out _) is { } expected)
            {
                Error(level, $"'{level.Value}' is not {expected}");
            }
        }
    }

    private void CheckAddresses(List<EndpointSettings> endpoints, IConfigurationSection section)
    {
        var seen = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (EndpointSettings endpoint in endpoints.Where(endpoint => endpoint.Address.IsExclusive))
        {
            string address = endpoint.Address.ToString();
            if (!seen.TryAdd(address, endpoint.Name))
            {
                Error(section.GetSection($"{endpoint.Name}:Address"), $"{address} is the address of endpoint '{seen[address]}' already");
            }
        }
    }

    private bool RequireSection(IConfigurationSection section)
    {
        bool isSection = string.IsNullOrEmpty(section.Value);
        if (!isSection)
        {
            Error(section, "an object was expected");
        }

        return isSection;
    }

    private void Unknown(IConfigurationSection section, string[] known)
    {
        // As --set takes it: without our own section.
        const string Ours = $"{ConfigurationSources.Section}:";
        string parent = section.Path[..^section.Key.Length];
        string prefix = parent.StartsWith(Ours, StringComparison.OrdinalIgnoreCase) ? parent[Ours.Length..] : parent;
        Error(section, $"unknown key; {Spelling.Suggest(section.Key, [.. known.Order(StringComparer.Ordinal)], prefix)}");
    }

    private void Error(IConfigurationSection section, string problem) =>
        _errors.Add(new ConfigurationError(_sources.WhereIs(section.Path), section.Path, problem));
}
