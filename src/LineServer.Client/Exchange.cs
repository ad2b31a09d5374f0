namespace LineServer.Client;

/// <summary>Runs one connection: sends and receives at the same time, then checks the result.</summary>
internal sealed class Exchange(Connection connection, LineSender sender, ReplyReceiver receiver, ReplyCheck check)
{
    /// <summary>
    /// Completes when both directions have ended. An error is in <see cref="Connection.Failure"/>.
    /// </summary>
    public async Task RunAsync()
    {
        Task receiving = receiver.RunAsync();
        await sender.RunAsync();
        await receiving;

        // Fail keeps the first reason, so an earlier failure stays.
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
