namespace LineServer.Perf.Load;

/// <summary>
/// The form of requests and replies. Both have the same length and carry the same numbers at the same place,
/// so replies of every protocol are checked in the same way.
/// </summary>
internal sealed class LineProtocol
{
    /// <summary>The reply equals the request.</summary>
    public static readonly LineProtocol Echo = new(
        "echo", size => size >= LineSizes.Smallest ? (LineForm.Plain, LineForm.Plain) : null);

    /// <summary>
    /// Redis' inline command PING with a text, which comes back as a bulk string: "PING text CR LF" and "$4
    /// CR LF text CR LF".
    /// </summary>
    public static readonly LineProtocol RedisPing = new("redis-ping", Ping);

    private readonly Func<int, (LineForm Request, LineForm Reply)?> _forms;

    private LineProtocol(string name, Func<int, (LineForm Request, LineForm Reply)?> forms) =>
        (Name, _forms) = (name, forms);

    public static IReadOnlyList<LineProtocol> All { get; } = [Echo, RedisPing];

    public string Name { get; }

    /// <summary>True if the protocol has lines of these sizes.</summary>
    public bool Allows(LineSizes sizes) => this == Echo || (sizes.Count == 1 && _forms(sizes.CycleSize) is not null);

    /// <summary>The forms of lines of an allowed size.</summary>
    public (LineForm Request, LineForm Reply) Forms(int lineSize) => _forms(lineSize)!.Value;

    private static (LineForm Request, LineForm Reply)? Ping(int size)
    {
        const int Fixed = 5;    // '$' and two times CR LF
        const int Numbers = 16;
        for (int digits = 2; digits <= 5; digits++)
        {
            int text = size - Fixed - digits;
            if (text >= Numbers && text.ToString().Length == digits)
            {
                string before = $"${text}\r\n";

                // Redis treats several blanks as one.
                return (new LineForm("PING".PadRight(before.Length), "\r\n"), new LineForm(before, "\r\n"));
            }
        }

        return null;
    }
}
