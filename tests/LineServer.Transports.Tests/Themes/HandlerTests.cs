using System.Buffers;
using System.IO.Pipelines;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;

namespace LineServer.Transports.Tests.Themes;

/// <summary>A handler that throws ends its own connection.</summary>
public abstract class HandlerTests(Transport transport)
{
    [Fact]
    public async Task An_unexpected_exception_in_a_handler_ends_one_connection_only()
    {
        await using Listening listening = await transport.ListenAsync();
        await using var server = new EchoServer(listening, async connection =>
        {
            ReadResult read = await connection.Transport.Input.ReadAsync();
            bool isBad = !read.Buffer.IsEmpty && read.Buffer.FirstSpan[0] == '!';
            connection.Transport.Input.AdvanceTo(read.Buffer.Start);
            await (isBad ? throw new InvalidOperationException("unexpected") : EchoServer.EchoAsync(connection));
        });
        using Peer before = await listening.ConnectAsync();
        await CheckEchoAsync(before);
        for (int i = 0; i < 20; i++)
        {
            using Peer bad = await listening.ConnectAsync();
            await bad.SendAsync("!"u8.ToArray()).InTime();
            // In order or by a reset: it ends.
            await Record.ExceptionAsync(() => bad.ReceiveToEndAsync().InTime("the end of the bad connection"));
            await CheckEchoAsync(before);
        }

        using Peer after = await listening.ConnectAsync();
        await CheckEchoAsync(after);
        Assert.Equal(20, server.Errors.Count);
    }

    private static async Task CheckEchoAsync(Peer peer)
    {
        await peer.SendAsync("ping"u8.ToArray()).InTime();
        Assert.Equal("ping"u8.ToArray(), await peer.ReceiveExactlyAsync(4).InTime());
    }
}
