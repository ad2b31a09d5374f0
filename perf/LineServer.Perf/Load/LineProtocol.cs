namespace LineServer.Perf.Load;

/// <summary>
/// The form of requests and replies. Unless a protocol has answers of its own, both have the same length and carry the
/// same numbers at the same place, so replies of every protocol are checked in the same way.
/// </summary>
internal sealed class LineProtocol
{
    /// <summary>The reply equals the request.</summary>
    public static readonly LineProtocol Echo = new("echo", Plain) { HasMixedSizes = true };

    /// <summary>
    /// Redis' inline command PING with a text, which comes back as a bulk string: "PING text CR LF" and "$4
    /// CR LF text CR LF".
    /// </summary>
    public static readonly LineProtocol RedisPing = new("redis-ping", Ping);

    /// <summary>
    /// Redis' command XADD: a line becomes an entry with one field, of a stream of its connection. The reply is the entry's
    /// id.
    /// </summary>
    public static readonly LineProtocol RedisXadd = new("redis-xadd", Xadd)
    {
        CreateAnswers = connections => new EntryIds(connections),
        OverheadOf = XaddOverhead,
    };

    /// <summary>LS1: each connection names a stream, and hears how many lines of it are durable.</summary>
    public static readonly LineProtocol Ls1 = new("ls1", Plain)
    {
        HasMixedSizes = true,
        CreateAnswers = connections => new Acknowledgements(connections),
    };

    /// <summary>The server tells nothing: a closed loop becomes lines that go one way.</summary>
    public static readonly LineProtocol OneWay = new("one-way", Plain) { HasMixedSizes = true };

    private const int NumbersSize = 16;
    private const string Key = "s:########"; // the connection's number

    private readonly Func<int, (LineForm Request, LineForm Reply)?> _forms;

    private LineProtocol(string name, Func<int, (LineForm Request, LineForm Reply)?> forms) =>
        (Name, _forms) = (name, forms);

    public static IReadOnlyList<LineProtocol> All { get; } = [Echo, RedisPing, RedisXadd, Ls1, OneWay];

    public string Name { get; }

    /// <summary>Makes the reader of answers, for a number of connections; null if the lines come back.</summary>
    public Func<int, AnswerReader>? CreateAnswers { get; private init; }

    private bool HasMixedSizes { get; init; }

    /// <summary>The bytes that a request has besides the line.</summary>
    private Func<int, int> OverheadOf { get; init; } = static _ => 0;

    /// <summary>True if the protocol has lines of these sizes.</summary>
    public bool Allows(LineSizes sizes) =>
        HasMixedSizes || (sizes.Count == 1 && _forms(OnTheWire(sizes).CycleSize) is not null);

    /// <summary>The sizes of the requests for lines of these sizes.</summary>
    public LineSizes OnTheWire(LineSizes sizes) =>
        HasMixedSizes ? sizes : LineSizes.Same(sizes.CycleSize + OverheadOf(sizes.CycleSize));

    /// <summary>The forms of requests and replies of an allowed size.</summary>
    public (LineForm Request, LineForm Reply) Forms(int wireSize) => _forms(wireSize)!.Value;

    private static (LineForm Request, LineForm Reply)? Plain(int size) =>
        size >= LineSizes.Smallest ? (LineForm.Plain, LineForm.Plain) : null;

    private static (LineForm Request, LineForm Reply)? Ping(int size)
    {
        const int Fixed = 5;    // '$' and two times CR LF
        for (int digits = 2; digits <= 5; digits++)
        {
            int text = size - Fixed - digits;
            if (text >= NumbersSize && text.ToString().Length == digits)
            {
                string before = $"${text}\r\n";

                // Redis treats several blanks as one.
                return (new LineForm("PING".PadRight(before.Length), "\r\n"), new LineForm(before, "\r\n"));
            }
        }

        return null;
    }

    // The array form, which clients send; Redis parses it faster than the inline one.
    private static string XaddBefore(int text) =>
        $"*5\r\n$4\r\nXADD\r\n${Key.Length}\r\n{Key}\r\n$1\r\n*\r\n$1\r\nl\r\n${text}\r\n";

    private static int XaddOverhead(int text) => XaddBefore(text).Length + 2;

    private static (LineForm Request, LineForm Reply)? Xadd(int size)
    {
        for (int text = Math.Max(NumbersSize, size - XaddOverhead(99_999)); text < size; text++)
        {
            if (text + XaddOverhead(text) == size)
            {
                string before = XaddBefore(text);
                var request = new LineForm(before, "\r\n") { ConnectionAt = before.IndexOf('#') };
                return (request, LineForm.Plain);
            }
        }

        return null;
    }
}
