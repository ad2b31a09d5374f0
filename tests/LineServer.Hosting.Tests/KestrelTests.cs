using System.Collections.Concurrent;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using LineServer.Framing;
using LineServer.Hosting.Tests.Support;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace LineServer.Hosting.Tests;

/// <summary>The same behaviour over Kestrel's sockets: what a client sees, including FIN and RST.</summary>
public class KestrelTests
{
    private readonly ConcurrentQueue<(LineConnection Connection, CloseReason Reason)> _ended = new();
    private readonly TaskCompletionSource<LineConnection> _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<CloseReason> _disconnected = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_half_close_brings_every_reply_and_then_FIN(bool unix)
    {
        await using KestrelHost host = await KestrelHost.StartAsync(listen => listen.UseLines((in line, reply) => reply.WriteLine(line)), unix);
        using Socket client = await host.ConnectAsync();
        string lines = string.Concat(Enumerable.Range(0, 10_000).Select(i => $"line {i}\n"));
        Task<string> replies = client.ReceiveToEndAsync();
        await client.SendTextAsync(lines);
        client.Shutdown(SocketShutdown.Send);
        Assert.Equal(lines, await replies.InTime());
    }

    [Fact]
    public async Task A_busy_server_that_stops_gives_each_client_a_gapless_prefix_and_then_FIN()
    {
        await using KestrelHost host = await KestrelHost.StartAsync(listen => listen.UseLines((in line, reply) => reply.WriteLine(line)));
        var busy = new CountdownEvent(300);
        Task<(int Sent, string Received)>[] clients = [.. Enumerable.Range(0, 300).Select(_ => Task.Run(async () =>
        {
            using Socket client = await host.ConnectAsync();
            var received = new StringBuilder();
            int sent = 0;
            byte[] buffer = new byte[4096];
            while (true)
            {
                // Eight unanswered lines, like a client with a window.
                try
                {
                    await client.SendTextAsync(string.Concat(Enumerable.Range(sent, 8).Select(i => $"{i}\n")));
                }
                catch (SocketException)
                {
                    // FIN and the close may both have happened. Only the bytes received matter.
                }

                sent += 8;
                for (int lines = 0; lines < 8;)
                {
                    int count = await client.ReceiveAsync(buffer.AsMemory()).AsTask().InTime(); // a reset throws
                    if (count == 0)
                    {
                        return (sent, received.ToString());
                    }

                    lines += buffer.AsSpan(0, count).Count((byte)'\n');
                    received.Append(Encoding.UTF8.GetString(buffer, 0, count));
                }

                if (sent == 80)
                {
                    busy.Signal();
                }
            }
        }))];
        Assert.True(busy.Wait(TimeSpan.FromSeconds(60)));
        await host.StopAsync().InTime();
        foreach ((int sent, string received) in await Task.WhenAll(clients).InTime())
        {
            string all = string.Concat(Enumerable.Range(0, sent).Select(i => $"{i}\n"));
            Assert.StartsWith(received, all);
            Assert.True(received.Length == 0 || received.EndsWith('\n'));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_that_never_reads_is_aborted_after_the_send_timeout(bool unix)
    {
        await using KestrelHost host = await KestrelHost.StartAsync(
            listen => listen.UseLines(_ => new Recording(this), options => options.Limits.SendTimeout = TimeSpan.FromMilliseconds(200)), unix);
        using Socket client = await host.ConnectAsync();
        await client.SendTextAsync("flood\n");
        Assert.Equal(CloseReason.SendTimeout, await _disconnected.Task.InTime());
    }

    [Fact]
    public async Task A_client_that_resets_ends_its_connection()
    {
        await using KestrelHost host = await KestrelHost.StartAsync(listen => listen.UseLines(_ => new Recording(this)));
        Socket client = await host.ConnectAsync();
        await client.SendTextAsync("a\n");
        Assert.Equal("a\n", await client.ReceiveTextAsync(2));
        client.Reset();
        Assert.Equal(CloseReason.PeerReset, await _disconnected.Task.InTime());
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task What_the_server_closes_ends_in_FIN_although_input_is_unread(bool unix, bool logged)
    {
        await using KestrelHost host = await KestrelHost.StartAsync(
            listen =>
            {
                if (logged)
                {
                    listen.UseConnectionLogging();
                }

                listen.UseLines(_ => new Recording(this));
            },
            unix);
        using Socket client = await host.ConnectAsync();
        await client.SendTextAsync("close\n" + new string('x', 1_000_000));
        Assert.Equal("bye HandlerClosed\n", await client.ReceiveToEndAsync());
        Assert.Equal(CloseReason.HandlerClosed, await _disconnected.Task.InTime());
    }

    [Fact]
    public async Task A_push_reaches_an_idle_TLS_connection_again_and_again()
    {
        await using KestrelHost host = await StartTlsAsync();
        await using SslStream client = await ConnectTlsAsync(host);
        LineConnection connection = await _connected.Task.InTime();
        var reader = new StreamReader(client);
        for (int i = 0; i < 100; i++)
        {
            Assert.True(connection.TryPush(Encoding.UTF8.GetBytes($"push {i}")));
            Assert.Equal($"push {i}", await reader.ReadLineAsync().InTime());
            if (i % 10 == 0)
            {
                await client.WriteAsync(Encoding.UTF8.GetBytes($"line {i}\n"));
                Assert.Equal($"line {i}", await reader.ReadLineAsync().InTime());
            }
        }
    }

    [Fact]
    public async Task Pushes_and_lines_cross_on_TLS_and_none_is_lost()
    {
        await using KestrelHost host = await StartTlsAsync();
        await using SslStream client = await ConnectTlsAsync(host);
        LineConnection connection = await _connected.Task.InTime();
        Task pushing = Task.Run(() =>
        {
            for (int i = 0; i < 2000; i++)
            {
                byte[] line = Encoding.UTF8.GetBytes($"p{i}");
                Until.True(() => connection.TryPush(line));
            }
        });
        Task sending = Task.Run(async () =>
        {
            for (int i = 0; i < 2000; i++)
            {
                await client.WriteAsync(Encoding.UTF8.GetBytes($"l{i}\n"));
            }
        });
        var reader = new StreamReader(client);
        int pushes = 0;
        int lines = 0;
        while (pushes + lines < 4000)
        {
            string? line = await reader.ReadLineAsync().InTime();
            Assert.Equal(line![0] == 'p' ? $"p{pushes++}" : $"l{lines++}", line);
        }

        await Task.WhenAll(pushing, sending).InTime();
    }

    [Fact]
    public async Task A_TLS_connection_that_the_server_closes_ends_at_once_and_in_order()
    {
        await using KestrelHost host = await StartTlsAsync();
        await using SslStream client = await ConnectTlsAsync(host);
        long start = TimeProvider.System.GetTimestamp();
        await client.WriteAsync("close\n"u8.ToArray());
        var reader = new StreamReader(client);
        Assert.Equal("bye HandlerClosed", await reader.ReadLineAsync().InTime());
        Assert.Null(await reader.ReadLineAsync().InTime());
        Assert.Equal(CloseReason.HandlerClosed, await _disconnected.Task.InTime());
        Assert.True(TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(5)); // not SendTimeout, 30 s
    }

    [Fact]
    public async Task A_TLS_client_that_sends_garbage_or_vanishes_is_no_error_of_the_handler()
    {
        await using KestrelHost host = await StartTlsAsync();
        using Socket socket = await host.ConnectAsync();
        var client = new SslStream(new NetworkStream(socket), false, (_, _, _, _) => true);
        await client.AuthenticateAsClientAsync("localhost").InTime();
        await _connected.Task.InTime();
        await socket.SendTextAsync("this is no TLS record at all");
        socket.Shutdown(SocketShutdown.Send);
        Assert.Equal(CloseReason.PeerReset, await _disconnected.Task.InTime());
    }

    [Fact]
    public async Task A_handler_that_cannot_be_made_ends_that_connection_only()
    {
        int made = 0;
        await using KestrelHost host = await KestrelHost.StartAsync(
            listen => listen.UseLines(_ => Interlocked.Increment(ref made) == 1 ? throw new InvalidOperationException("no service") : new Recording(this)));
        using Socket first = await host.ConnectAsync();
        Assert.Equal(0, await first.ReceiveAsync(new byte[1].AsMemory()).AsTask().InTime());
        using Socket second = await host.ConnectAsync();
        await second.SendTextAsync("a\n");
        Assert.Equal("a\n", await second.ReceiveTextAsync(2));
    }

    private Task<KestrelHost> StartTlsAsync() => KestrelHost.StartAsync(listen =>
    {
        listen.UseHttps(SelfMade());
        listen.UseLines(_ => new Recording(this));
    });

    private static async Task<SslStream> ConnectTlsAsync(KestrelHost host)
    {
        var stream = new SslStream(new NetworkStream(await host.ConnectAsync(), ownsSocket: true), false, (_, _, _, _) => true);
        await stream.AuthenticateAsClientAsync("localhost").InTime();
        return stream;
    }

    private static X509Certificate2 SelfMade()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using X509Certificate2 made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pfx), null);
    }

    private sealed class Recording(KestrelTests test) : LineBatchHandler
    {
        public override ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken)
        {
            test._connected.TrySetResult(Connection);
            return default;
        }

        public override ValueTask OnBatch(LineBatch batch)
        {
            foreach (Line line in batch)
            {
                if (line.Span.SequenceEqual("flood"u8))
                {
                    batch.Output.Write(new byte[20_000_000]);
                }
                else if (line.Span.SequenceEqual("close"u8))
                {
                    Connection.Close();
                }
                else
                {
                    batch.Output.WriteLine(line.Span);
                }
            }

            return default;
        }

        public override void OnClosing(CloseReason reason, LineOutput output)
        {
            if (reason == CloseReason.HandlerClosed)
            {
                output.WriteLine("bye " + reason);
            }
        }

        public override ValueTask OnDisconnectedAsync(CloseReason reason)
        {
            test._ended.Enqueue((Connection, reason));
            test._disconnected.TrySetResult(reason);
            return default;
        }
    }
}
