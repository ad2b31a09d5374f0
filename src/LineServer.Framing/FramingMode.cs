namespace LineServer.Framing;

/// <summary>How messages are told apart in a stream.</summary>
/// <remarks>
/// <see cref="OctetCounted"/> and <see cref="Auto"/> are the ways of syslog over TCP: RFC 6587, sections
/// 3.4.1 and 3.4.2. Both need LF as <see cref="LineFormat.Delimiter"/>.
/// </remarks>
public enum FramingMode
{
    /// <summary>Each message is a line, which ends with <see cref="LineFormat.Delimiter"/>.</summary>
    Lines,

    /// <summary>
    /// The size in bytes and a space precede each message: <c>5 hello</c>. The size has 1 to 10 digits, the
    /// first of them not 0. One LF between two messages is skipped. Anything else ends reading:
    /// <see cref="LineReader.IsMalformed"/>.
    /// </summary>
    OctetCounted,

    /// <summary>
    /// The first bytes of each message decide: 1 to 10 digits, the first of them not 0, and a space begin a
    /// counted message. Everything else is a line that ends with LF. One LF after a counted message is
    /// skipped.
    /// </summary>
    /// <remarks>
    /// A line that happens to begin like that (<c>1234 hello</c>) is read as a counted message, and takes the
    /// lines after it with it. Use this mode only where no line begins with a number and a space. Those of
    /// syslog begin with <c>&lt;</c>.
    /// </remarks>
    Auto,
}
