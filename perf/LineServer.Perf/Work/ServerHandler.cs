namespace LineServer.Perf.Work;

/// <summary>What a server does with each line. A server is started with one of these names.</summary>
internal static class ServerHandler
{
    /// <summary>Replies with the line.</summary>
    public const string Echo = "echo";

    /// <summary>Drops the line and sends nothing.</summary>
    public const string Discard = "discard";

    /// <summary>Gives way to other work once, then replies with the line.</summary>
    public const string AwaitYield = "await-yield";

    /// <summary>
    /// Passes the line to another task of the connection through a channel, and replies with what that task
    /// passes back.
    /// </summary>
    public const string AwaitTask = "await-task";

    /// <summary>
    /// Sends the line's text to a Redis on loopback (ECHO), and replies with what Redis sends back.
    /// </summary>
    public const string AwaitRemote = "await-remote";

    /// <summary>
    /// Stores the line, and says so in the protocol of the server. A server that tells nothing gets the lines one way.
    /// </summary>
    public const string Store = "store";

    /// <summary>Those of a closed loop.</summary>
    public static readonly IReadOnlyList<string> Replying = [Echo, AwaitYield, AwaitTask, AwaitRemote, Store];
}
