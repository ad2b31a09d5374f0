using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace LineServer.Hosting.Tests.Support;

/// <summary>Runs Kestrel in this process on a port of its own, with plain sockets as clients.</summary>
internal sealed class KestrelHost : IAsyncDisposable
{
    private readonly WebApplication _server;
    private readonly string? _path;

    private KestrelHost(WebApplication server, string? path)
    {
        _server = server;
        _path = path;
    }

    public EndPoint EndPoint { get; private set; } = null!;

    public static async Task<KestrelHost> StartAsync(
        Action<ListenOptions> configure, bool unix = false, Action<IServiceCollection>? services = null)
    {
        string? path = unix ? Path.Combine(Path.GetTempPath(), $"lines-{Guid.NewGuid():N}.sock") : null;
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(options =>
        {
            if (path is null)
            {
                options.Listen(IPAddress.Loopback, 0, configure);
            }
            else
            {
                options.ListenUnixSocket(path, configure);
            }
        });
        services?.Invoke(builder.Services);
        var host = new KestrelHost(builder.Build(), path);
        await host._server.StartAsync();
        host.EndPoint = path is null ? new IPEndPoint(IPAddress.Loopback, new Uri(host._server.Urls.First()).Port) : new UnixDomainSocketEndPoint(path);
        return host;
    }

    public async Task<Socket> ConnectAsync()
    {
        var socket = new Socket(EndPoint.AddressFamily, SocketType.Stream, EndPoint is IPEndPoint ? ProtocolType.Tcp : ProtocolType.Unspecified);
        await socket.ConnectAsync(EndPoint).InTime();
        return socket;
    }

    public Task StopAsync(CancellationToken cancellationToken = default) => _server.StopAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        using var soon = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        await _server.StopAsync(soon.Token);
        await _server.DisposeAsync();
        if (_path is not null)
        {
            File.Delete(_path);
        }
    }
}

internal static class Sockets
{
    public static Task SendTextAsync(this Socket socket, string text) => socket.SendAsync(Encoding.UTF8.GetBytes(text)).InTime();

    /// <summary>Reads everything up to FIN. Throws on a reset.</summary>
    public static async Task<string> ReceiveToEndAsync(this Socket socket)
    {
        var all = new MemoryStream();
        byte[] buffer = new byte[64 * 1024];
        while (await socket.ReceiveAsync(buffer.AsMemory()).AsTask().InTime() is var count and > 0)
        {
            all.Write(buffer, 0, count);
        }

        return Encoding.UTF8.GetString(all.ToArray());
    }

    public static async Task<string> ReceiveTextAsync(this Socket socket, int length)
    {
        byte[] buffer = new byte[length];
        int received = 0;
        while (received < length && await socket.ReceiveAsync(buffer.AsMemory(received)).AsTask().InTime() is var count and > 0)
        {
            received += count;
        }

        return Encoding.UTF8.GetString(buffer, 0, received);
    }

    /// <summary>Closes the connection with RST.</summary>
    public static void Reset(this Socket socket)
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Dispose();
    }
}
