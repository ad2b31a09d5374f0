using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using LineServer.Transports.Clients;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace LineServer.Transports.Tests.Themes;

/// <summary>An ordinary ASP.NET Core application, which knows nothing of the transport under it.</summary>
public abstract class HttpTests(Transport transport) : IAsyncLifetime
{
    private readonly X509Certificate2 _certificate = SelfSigned();
    private WebApplication _application = null!;
    private IPEndPoint _plain = null!;
    private IPEndPoint _secure = null!;

    public async ValueTask InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton(transport.CreateFactory(new TransportSettings()));
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(options =>
        {
            options.Limits.MaxRequestBodySize = null;
            options.Limits.MinRequestBodyDataRate = null;
            options.Limits.MinResponseDataRate = null;
            options.Listen(IPAddress.Loopback, 0);
            options.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(_certificate));
            options.Listen(IPAddress.Loopback, 0, listen => listen.Run(connection => throw new InvalidOperationException("a handler's own error")));
        });
        _application = builder.Build();
        _application.Run(RespondAsync);
        await _application.StartAsync().InTime();
        int[] ports = [.. _application.Urls.Select(url => new Uri(url).Port)];
        _plain = new IPEndPoint(IPAddress.Loopback, ports[0]);
        _secure = new IPEndPoint(IPAddress.Loopback, ports[1]);
        Throwing = new IPEndPoint(IPAddress.Loopback, ports[2]);
    }

    private IPEndPoint Throwing { get; set; } = null!;

    public async ValueTask DisposeAsync()
    {
        await _application.StopAsync().InTime();
        await _application.DisposeAsync().InTime();
        _certificate.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_connection_is_kept_alive_for_many_requests()
    {
        int connections = 0;
        using HttpClient client = Client(HttpVersion.Version11, () => Interlocked.Increment(ref connections));
        for (int i = 0; i < 200; i++)
        {
            Assert.Equal($"hello {i}", await client.GetStringAsync(new Uri($"http://{_plain}/hello/{i}")).InTime());
        }

        Assert.Equal(1, connections);
    }

    [Fact]
    public async Task Pipelined_requests_are_answered_in_order()
    {
        const int Requests = 500;
        using SocketPeer peer = await SocketPeer.ConnectAsync(_plain);
        var text = new StringBuilder();
        for (int i = 0; i < Requests; i++)
        {
            text.Append($"GET /hello/{i} HTTP/1.1\r\nHost: test\r\n{(i == Requests - 1 ? "Connection: close\r\n" : "")}\r\n");
        }

        Task sending = peer.SendAsync(Encoding.ASCII.GetBytes(text.ToString()));
        string all = Encoding.ASCII.GetString(await peer.ReceiveToEndAsync().InTime());
        await sending.InTime();
        int at = 0;
        for (int i = 0; i < Requests; i++)
        {
            at = all.IndexOf($"\r\n\r\nhello {i}", at, StringComparison.Ordinal);
            Assert.True(at >= 0, $"reply {i}");
        }
    }

    [Fact]
    public async Task A_chunked_upload_arrives_whole()
    {
        using HttpClient client = Client(HttpVersion.Version11);
        Assert.Equal($"{Scale.UploadBytes}", await UploadAsync(client, $"http://{_plain}/upload", Scale.UploadBytes));
    }

    [Fact]
    public async Task Tls_carries_requests_uploads_and_downloads()
    {
        using HttpClient client = Client(HttpVersion.Version11);
        Assert.Equal("hello tls", await client.GetStringAsync(new Uri($"https://{_secure}/hello/tls")).InTime());
        Assert.Equal("1000000", await UploadAsync(client, $"https://{_secure}/upload", 1_000_000));
        await DownloadAsync(client, $"https://{_secure}/download/1000000", 1_000_000);
    }

    [Fact]
    public async Task Http2_over_tls_carries_many_streams_at_once_over_one_connection()
    {
        int connections = 0;
        using HttpClient client = Client(HttpVersion.Version20, () => Interlocked.Increment(ref connections));
        using (HttpResponseMessage first = await client.GetAsync(new Uri($"https://{_secure}/hello/2")).InTime())
        {
            Assert.Equal(HttpVersion.Version20, first.Version);
        }

        await Task.WhenAll(Enumerable.Range(0, 40).Select(async i =>
        {
            Assert.Equal($"hello {i}", await client.GetStringAsync(new Uri($"https://{_secure}/hello/{i}")));
            Assert.Equal("200000", await UploadAsync(client, $"https://{_secure}/upload", 200_000));
            await DownloadAsync(client, $"https://{_secure}/download/200000", 200_000);
        })).InTime();
        Assert.Equal(1, connections);
    }

    [Fact]
    public async Task A_client_that_reads_slowly_gets_a_large_response_whole()
    {
        const int Size = 3_000_000;
        using SocketPeer peer = await SocketPeer.ConnectAsync(_plain, socket => socket.ReceiveBufferSize = 4096);
        await peer.SendAsync(Encoding.ASCII.GetBytes($"GET /download/{Size} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"));
        byte[] head = await peer.ReceiveExactlyAsync(4).InTime();
        while (!head.AsSpan().EndsWith("\r\n\r\n"u8))
        {
            head = [.. head, .. await peer.ReceiveExactlyAsync(1).InTime()];
        }

        // Small reads; in between others are served.
        using HttpClient other = Client(HttpVersion.Version11);
        var pattern = new BytePattern(1);
        byte[] buffer = new byte[5000];
        int at = 0;
        for (int i = 0; at < Size; i++)
        {
            int count = await peer.ReceiveAsync(buffer).InTime($"byte {at}");
            Assert.NotEqual(0, count);
            pattern.Check(buffer.AsSpan(0, count), at);
            at += count;
            if (i % 100 == 0)
            {
                Assert.Equal("hello other", await other.GetStringAsync(new Uri($"http://{_plain}/hello/other")).InTime());
            }
        }
    }

    [Fact]
    public async Task A_connection_handler_that_throws_ends_its_connection_only()
    {
        using HttpClient client = Client(HttpVersion.Version11);
        for (int i = 0; i < 10; i++)
        {
            using SocketPeer bad = await SocketPeer.ConnectAsync(Throwing);
            await Record.ExceptionAsync(() => bad.ReceiveToEndAsync().InTime("the end of the bad connection"));
            Assert.Equal("hello still", await client.GetStringAsync(new Uri($"http://{_plain}/hello/still")).InTime());
        }
    }

    [Fact]
    public async Task Clients_that_vanish_in_the_middle_harm_nobody()
    {
        using HttpClient client = Client(HttpVersion.Version11);
        for (int i = 0; i < 50; i++)
        {
            SocketPeer peer = await SocketPeer.ConnectAsync(_plain);
            await peer.SendAsync(Encoding.ASCII.GetBytes(i % 2 == 0
                ? "GET /download/50000000 HTTP/1.1\r\nHost: test\r\n\r\n"
                : "POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\nabc"));
            if (i % 2 == 0)
            {
                await peer.ReceiveExactlyAsync(1000).InTime();
            }

            peer.Reset();
            Assert.Equal("hello still", await client.GetStringAsync(new Uri($"http://{_plain}/hello/still")).InTime());
        }
    }

    private static async Task RespondAsync(HttpContext context)
    {
        string[] path = context.Request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries);
        switch (path[0])
        {
            case "hello":
                string hello = $"hello {path[1]}";
                context.Response.ContentLength = hello.Length;
                await context.Response.WriteAsync(hello);
                break;
            case "upload":
                long received = await Payload.CheckAsync(context.Request.BodyReader, 1, long.MaxValue);
                await context.Response.WriteAsync($"{received}");
                break;
            case "download":
                context.Response.ContentLength = long.Parse(path[1]);
                await Payload.WriteAsync(context.Response.BodyWriter, 1, long.Parse(path[1]), 16 * 1024);
                break;
        }
    }

    private static async Task<string> UploadAsync(HttpClient client, string url, long length)
    {
        using var content = new PatternContent(length);
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = content, Version = client.DefaultRequestVersion, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        request.Headers.TransferEncodingChunked = client.DefaultRequestVersion == HttpVersion.Version11;
        using HttpResponseMessage response = await client.SendAsync(request).InTime();
        return await response.Content.ReadAsStringAsync().InTime();
    }

    private static async Task DownloadAsync(HttpClient client, string url, int length)
    {
        byte[] bytes = await client.GetByteArrayAsync(new Uri(url)).InTime();
        Assert.Equal(length, bytes.Length);
        new BytePattern(1).Check(bytes, 0);
    }

    private static HttpClient Client(Version version, Action? connected = null)
    {
        var handler = new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = (_, _, _, _) => true },
            ConnectCallback = async (context, cancellation) =>
            {
                connected?.Invoke();
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await socket.ConnectAsync(context.DnsEndPoint, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        return new HttpClient(handler) { DefaultRequestVersion = version, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact, Timeout = TimeSpan.FromMinutes(2) };
    }

    private static X509Certificate2 SelfSigned()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
    }

    // Its length is not told: so it goes in chunks.
    private sealed class PatternContent(long length) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            var pattern = new BytePattern(1);
            byte[] buffer = new byte[64 * 1024];
            for (long at = 0; at < length; at += buffer.Length)
            {
                int count = (int)Math.Min(buffer.Length, length - at);
                pattern.Fill(buffer.AsSpan(0, count), at);
                await stream.WriteAsync(buffer.AsMemory(0, count));
            }
        }

        protected override bool TryComputeLength(out long computed)
        {
            computed = 0;
            return false;
        }
    }
}
