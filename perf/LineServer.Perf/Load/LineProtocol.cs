namespace LineServer.Perf.Load;

/// <summary>
/// How a line is asked for, and how its reply looks. Both are of the same length and have the same numbers at the same place; so a reply of any protocol is
/// checked as an echo is.
/// </summary>
internal sealed class LineProtocol
{
    /// <summary>What is sent comes back.</summary>
    public static readonly LineProtocol Echo = new("echo", size => size >= LineSizes.Smallest ? (LineForm.Plain, LineForm.Plain) : null);

    /// <summary>Redis' inline command PING with a text, which comes back as a bulk string: "PING text CR LF", and "$4 CR LF text CR LF".</summary>
    public static readonly LineProtocol RedisPing = new("redis-ping", Ping);

    private readonly Func<int, (LineForm Request, LineForm Reply)?> _forms;

    private LineProtocol(string name, Func<int, (LineForm Request, LineForm Reply)?> forms) => (Name, _forms) = (name, forms);

    public static IReadOnlyList<LineProtocol> All { get; } = [Echo, RedisPing];

    public string Name { get; }

    /// <summary>Whether lines of these sizes can be asked for.</summary>
    public bool Allows(LineSizes sizes) => this == Echo || (sizes.Count == 1 && _forms(sizes.CycleSize) is not null);

    /// <summary>Of lines of a size that is allowed.</summary>
    public (LineForm Request, LineForm Reply) Forms(int lineSize) => _forms(lineSize)!.Value;

    private static (LineForm Request, LineForm Reply)? Ping(int size)
    {
        const int Fixed = 5;    // '$', and twice CR LF.
        const int Numbers = 16;
        for (int digits = 2; digits <= 5; digits++)
        {
            int text = size - Fixed - digits;
            if (text >= Numbers && text.ToString().Length == digits)
            {
                string before = $"${text}\r\n";

                // More blanks than one are one.
                return (new LineForm("PING".PadRight(before.Length), "\r\n"), new LineForm(before, "\r\n"));
            }
        }

        return null;
    }
}
