using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Server;

/// <summary>A task a connection; each sends back what it reads.</summary>
internal static class EchoConnections
{
    /// <summary>Until the listener ends; then until its connections have ended.</summary>
    public static async Task AcceptAsync(IConnectionListener listener)
    {
        var running = new List<Task>();
        while (await listener.AcceptAsync() is { } connection)
        {
            running.Add(EchoAsync(connection));
        }

        await Task.WhenAll(running);
    }

    private static async Task EchoAsync(ConnectionContext connection)
    {
        await using ConnectionContext ended = connection;
        PipeReader input = connection.Transport.Input;
        try
        {
            while (await input.ReadAsync() is { Buffer.IsEmpty: false } read)
            {
                connection.Transport.Output.Write(read.Buffer.ToArray());
                input.AdvanceTo(read.Buffer.End);
                await connection.Transport.Output.FlushAsync();
            }
        }
        catch (ConnectionResetException)
        {
            // Clients may leave.
        }
    }
}
