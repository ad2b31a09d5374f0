using System.Text.Json;

namespace LineServer.Perf.Work;

/// <summary>The fields of one workload in a file, and their rules.</summary>
/// <param name="wrong">Creates the exception from a place in the file and the problem.</param>
internal sealed class WorkloadFields(Func<long, string, UsageException> wrong)
{
    public const int MaxConnections = 1_000_000;
    public const int MaxWindow = 1_000_000;
    public const int MaxLineSize = 64 * 1024;
    public const double MaxRate = 100_000_000;
    private const int MaxSteps = 100;

    private static readonly (string Name, WorkloadKind Kind, string[] Fields)[] Kinds =
    [
        (
            "closed-loop",
            WorkloadKind.ClosedLoop,
            ["connections", "window", "lineSize", "maxLineSize", "handler", "concurrentLines"]),
        ("open-loop", WorkloadKind.OpenLoop, ["connections", "window", "lineSize", "maxLineSize", "rate", "load"]),
        ("ingest", WorkloadKind.Ingest, ["connections", "lineSize", "maxLineSize"]),
        ("idle", WorkloadKind.Idle, ["steps", "lineSize", "active", "rate"]),
        ("scale", WorkloadKind.Scale, ["connections", "window", "lineSize"]),
        ("churn", WorkloadKind.Churn, ["connections", "lineSize"]),
        (
            "slow-readers",
            WorkloadKind.SlowReaders,
            ["connections", "window", "lineSize", "slowConnections", "slowWindow", "slowLineSize"]),
        ("flood", WorkloadKind.Flood, ["connections", "window", "lineSize", "rate"]),
    ];

    private readonly Dictionary<string, (long Place, JsonElement Value)> _fields = new(StringComparer.Ordinal);

    /// <param name="field">The field's name.</param>
    /// <param name="place">The field's place in the file.</param>
    /// <param name="value">The field's value.</param>
    public void Add(string field, long place, JsonElement value)
    {
        if (!_fields.TryAdd(field, (place, value)))
        {
            throw wrong(place, $"'{field}' is given twice");
        }
    }

    /// <param name="start">The workload's place in the file.</param>
    public Workload Make(long start)
    {
        string name = Text("name", start);
        if (name.Length == 0
            || !name.All(letter => char.IsAsciiLetterLower(letter) || char.IsAsciiDigit(letter) || letter == '-'))
        {
            throw wrong(_fields["name"].Place, $"'name' takes lower-case letters, digits and dashes, not '{name}'");
        }

        string kindName = Text("kind", start);
        (string Name, WorkloadKind Kind, string[] Fields) kind = Array.Find(Kinds, kind => kind.Name == kindName);
        if (kind.Name is null)
        {
            throw wrong(
                _fields["kind"].Place,
                $"there is no kind '{kindName}'; there are: {string.Join(", ", Kinds.Select(known => known.Name))}");
        }

        foreach ((string field, (long place, _)) in _fields)
        {
            if (field is not ("name" or "kind") && !kind.Fields.Contains(field, StringComparer.Ordinal))
            {
                throw wrong(
                    place,
                    $"'{name}' is of kind {kindName}, which has no '{field}'; it has: {string.Join(", ", kind.Fields)}");
            }
        }

        bool Has(string field) => kind.Fields.Contains(field, StringComparer.Ordinal);
        int Given(string field, int min, int max) => Has(field) ? Whole(field, start, min, max) : 0;
        int lineSize = Whole("lineSize", start, Load.LineSizes.Smallest, MaxLineSize);
        int[] steps = Has("steps") ? Steps(start) : [];
        (double rate, double load) = Has("rate") ? Rate(kind.Kind, start) : default;
        var workload = new Workload(
            name,
            kind.Kind,
            Has("steps") ? steps[^1] : Whole("connections", start, 1, MaxConnections),
            Has("window") ? Whole("window", start, 1, MaxWindow) : 1,
            lineSize,
            rate)
        {
            Load = load,
            MaxLineSize = _fields.ContainsKey("maxLineSize")
                ? Whole("maxLineSize", start, lineSize + 1, MaxLineSize)
                : 0,
            Steps = steps,
            Active = _fields.ContainsKey("active") ? Whole("active", start, 1, MaxConnections) : 0,
            SlowConnections = Given("slowConnections", 1, MaxConnections),
            SlowWindow = Given("slowWindow", 1, MaxWindow),
            SlowLineSize = Given("slowLineSize", Load.LineSizes.Smallest, MaxLineSize),
        };
        if (_fields.ContainsKey("handler"))
        {
            workload = workload with { Handler = Handler(start) };
        }

        if (_fields.ContainsKey("concurrentLines"))
        {
            workload = workload with { ConcurrentLines = ConcurrentLines(workload, start) };
        }

        return workload.Kind == WorkloadKind.Idle && workload.Active > 0 != workload.Rate > 0
            ? throw wrong(
                start, $"'{name}': 'active' and 'rate' need each other: the active connections share the rate")
            : workload;
    }

    private string Handler(long start)
    {
        string name = Text("handler", start);
        return ServerHandler.Replying.Contains(name, StringComparer.Ordinal)
            ? name
            : throw wrong(
                _fields["handler"].Place,
                $"there is no 'handler' '{name}' that replies; there are: {string.Join(", ", ServerHandler.Replying)}");
    }

    private int ConcurrentLines(Workload workload, long start) =>
        workload.Handler == ServerHandler.AwaitRemote
            ? Whole("concurrentLines", start, 1, workload.Window)
            : throw wrong(
                _fields["concurrentLines"].Place,
                $"'concurrentLines' needs the 'handler' '{ServerHandler.AwaitRemote}'");

    private (double Rate, double Load) Rate(WorkloadKind kind, long start)
    {
        bool hasLoad = _fields.ContainsKey("load"), hasRate = _fields.ContainsKey("rate");
        if (hasLoad && hasRate)
        {
            throw wrong(_fields["load"].Place, "'rate' and 'load' cannot be given together");
        }

        return hasLoad ? (0, Number("load", start, 1))
            : hasRate || kind != WorkloadKind.Idle ? (Number("rate", start, MaxRate), 0)
            : default;
    }

    private int[] Steps(long start)
    {
        (long place, JsonElement value) = Field("steps", start);
        int[] steps = value.ValueKind == JsonValueKind.Array
            ? [
                .. value.EnumerateArray().Select(step =>
                    step.ValueKind == JsonValueKind.Number && step.TryGetInt32(out int number) ? number : 0),
            ]
            : [];
        return steps.Length is 0 or > MaxSteps
            || steps[0] < 1
            || steps[^1] > MaxConnections
            || steps.Zip(steps.Skip(1)).Any(pair => pair.First >= pair.Second)
            ? throw wrong(
                place,
                $"'steps' are numbers of connections from 1 to {MaxConnections}, each larger than the one before, " +
                $"not {value.GetRawText()}")
            : steps;
    }

    private (long Place, JsonElement Value) Field(string field, long start) =>
        _fields.TryGetValue(field, out (long Place, JsonElement Value) found)
            ? found
            : throw wrong(start, $"the workload{Name()} has no '{field}'");

    private string Name() =>
        _fields.TryGetValue("name", out (long Place, JsonElement Value) name)
            && name.Value.ValueKind == JsonValueKind.String
            ? $" '{name.Value.GetString()}'"
            : "";

    private string Text(string field, long start)
    {
        (long place, JsonElement value) = Field(field, start);
        return value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : throw wrong(place, $"'{field}' is a string, not {value.GetRawText()}");
    }

    private int Whole(string field, long start, int min, int max)
    {
        (long place, JsonElement value) = Field(field, start);
        return value.ValueKind == JsonValueKind.Number
            && value.TryGetInt32(out int number)
            && number >= min
            && number <= max
            ? number
            : throw wrong(place, $"'{field}' is a whole number from {min} to {max}, not {value.GetRawText()}");
    }

    private double Number(string field, long start, double max)
    {
        (long place, JsonElement value) = Field(field, start);
        return value.ValueKind == JsonValueKind.Number
            && value.TryGetDouble(out double number)
            && number > 0
            && number <= max
            ? number
            : throw wrong(place, $"'{field}' is a number above 0, up to {max:0}, not {value.GetRawText()}");
    }
}
