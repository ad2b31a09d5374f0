using System.Diagnostics;
using System.Net.Sockets;

namespace LineServer.Client.Tests;

public sealed class WatchdogTests : IAsyncLifetime
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    private readonly TaskCompletionSource<Socket> _accepted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TestServer _server;
    private LineClient? _client;
    private Connection? _connection;
    private Watchdog? _watchdog;

    public WatchdogTests() => _server = TestServer.Start(socket =>
    {
        _accepted.SetResult(socket);
        return _end.Task;
    });

    private Connection Watched => _connection!;

    public async ValueTask InitializeAsync()
    {
        _client = await LineClient.ConnectAsync(ServerAddress.Parse(_server.Address));
        _connection = new Connection(1, _client, repliesPerLine: 1);
        _watchdog = new Watchdog([_connection], Timeout);
        LookAt(seconds: 0);
    }

    public async ValueTask DisposeAsync()
    {
        _connection!.Dispose();
        _end.SetResult();
        await _server.DisposeAsync();
    }

    [Fact]
    public void Who_waits_for_nothing_may_wait_for_ever()
    {
        LookAt(seconds: 1_000_000);
        Assert.Null(Watched.Failure);
    }

    [Fact]
    public void An_unanswered_line_fails_once_nothing_has_moved_for_the_timeout()
    {
        Watched.SendBegins(lines: 1);
        Watched.SendEnded(lines: 1, bytes: 10);
        LookAt(seconds: 100);
        LookAt(seconds: 109.9);
        Assert.Null(Watched.Failure);

        LookAt(seconds: 110);
        Assert.Equal("line 1: no reply; nothing moved for 10 s", Watched.Failure);
    }

    [Fact]
    public void Bytes_in_either_direction_are_progress()
    {
        Watched.SendBegins(lines: 1);
        Watched.SendEnded(lines: 1, bytes: 10);
        LookAt(seconds: 9);
        Watched.Received(replies: 0, bytes: 1);
        LookAt(seconds: 18);
        Watched.SendBegins(lines: 1);
        Watched.SendEnded(lines: 1, bytes: 10);
        LookAt(seconds: 27);
        LookAt(seconds: 36);
        Assert.Null(Watched.Failure);
    }

    [Fact]
    public void Time_with_our_own_output_does_not_count()
    {
        Watched.SendBegins(lines: 1);
        Watched.SendEnded(lines: 1, bytes: 10);
        Watched.CopyBegins();
        LookAt(seconds: 1000);
        Watched.CopyEnded();
        LookAt(seconds: 1009);
        Assert.Null(Watched.Failure);
    }

    [Fact]
    public async Task A_server_that_takes_a_large_send_slowly_is_not_given_up_on()
    {
        using Socket server = await _accepted.Task;
        Watched.SendBegins(lines: 0);
        Task sending = _client!.SendAsync(new byte[50_000_000], TestContext.Current.CancellationToken).AsTask();
        LookAt(seconds: 1);

        // The send is still pending, with none of its bytes counted, when the server's kernel makes room for
        // more.
        int before = _client.UnsentBytes;
        byte[] taken = new byte[1_000_000];
        while (_client.UnsentBytes == before)
        {
            await server.ReceiveAsync(taken, TestContext.Current.CancellationToken);
        }

        Assert.False(sending.IsCompleted);
        LookAt(seconds: 11);
        Assert.Null(Watched.Failure);

        // The kernel may still be moving bytes; each time it has, another timeout begins.
        double seconds = 11;
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                LookAt(seconds += 10.1);
                return Watched.Failure is not null;
            },
            TimeSpan.FromSeconds(60)));
        Assert.Equal("the server does not read; nothing moved for 10 s", Watched.Failure);
        await Assert.ThrowsAnyAsync<Exception>(() => sending);
    }

    private void LookAt(double seconds) => _watchdog!.Look(1 + (long)(seconds * Stopwatch.Frequency));
}
