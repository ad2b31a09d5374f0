namespace LineServer.Client;

/// <summary>The whole work of one connection: sending and receiving at the same time, and the verdict at the end.</summary>
internal sealed class Exchange(Connection connection, LineSender sender, ReplyReceiver receiver, ReplyCheck check)
{
    /// <summary>Ends when both directions have; what went wrong is then in <see cref="Connection.Failure"/>.</summary>
    public async Task RunAsync()
    {
        Task receiving = receiver.RunAsync();
        await sender.RunAsync();
        await receiving;

        // A failure that is known by now was first, and stays.
        if (check.AtEnd(connection.BegunLines, sender.IsInsideLine) is string wrong)
        {
            connection.Fail($"{wrong}, and the server closed the connection");
        }
        else if (!connection.AllSent)
        {
            connection.Fail("the server closed the connection before all was sent");
        }

        connection.Dispose();
    }
}
