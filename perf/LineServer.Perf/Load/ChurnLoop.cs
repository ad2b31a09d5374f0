using System.Runtime.InteropServices;
using LineServer.Linux;
using LineServer.Perf.Linux;

namespace LineServer.Perf.Load;

/// <summary>
/// Connections that come and go: connect, send one line, check its reply, end, wait for the server's end, and again. So many at a time. The generator ends
/// first, in order; the connection's port waits a minute (TIME_WAIT), but on loopback Linux gives it out again after a second (tcp_tw_reuse), and there are
/// several addresses to leave from.
/// </summary>
internal sealed unsafe class ChurnLoop : IDisposable
{
    private readonly TargetAddress _server;
    private readonly Cycle[] _cycles;
    private readonly EventQueue _queue = new();
    private readonly LineTemplate _outgoing;
    private readonly LineTemplate _expected;
    private readonly int _lineSize;
    private readonly byte* _input;
    private readonly long _replyTimeout;
    private long _progress;
    private int _connections; // Ever made; it chooses the address that the next leaves from.

    /// <param name="server">Where they go.</param>
    /// <param name="atOnce">How many there are at a time.</param>
    /// <param name="lineSize">Of the one line.</param>
    /// <param name="replyTimeout">When nothing comes for so long, a reply or an end was lost.</param>
    public ChurnLoop(TargetAddress server, int atOnce, int lineSize, TimeSpan replyTimeout)
    {
        (_server, _lineSize, _replyTimeout) = (server, lineSize, (long)replyTimeout.TotalNanoseconds);
        _cycles = new Cycle[atOnce];
        _cycles.AsSpan().Fill(new Cycle { Socket = -1 });
        (LineForm request, LineForm reply) = server.Protocol.Forms(lineSize);
        _outgoing = new LineTemplate(LineSizes.Same(lineSize), lineSize, request);
        _expected = new LineTemplate(LineSizes.Same(lineSize), lineSize, reply);
        _input = (byte*)NativeMemory.AlignedAlloc((nuint)lineSize + 1, 64);
    }

    /// <summary>From the begin of the connect to the whole reply, in nanoseconds.</summary>
    public LatencyHistogram Latency { get; } = new();

    /// <summary>Those that have ended, by both sides, with the right reply.</summary>
    public long Completed { get; private set; }

    /// <summary>Goes on until this time of <see cref="Clock.Now"/>.</summary>
    /// <exception cref="RunFailedException">A reply was wrong or lost, the server did not end a connection, or there is no port left.</exception>
    public void Run(long until)
    {
        _progress = Clock.Now;
        for (int i = 0; i < _cycles.Length; i++)
        {
            if (_cycles[i].Socket < 0)
            {
                Begin(i);
            }
        }

        while (Clock.Now < until && !Interruption.IsRequested)
        {
            Turn(until, beginAgain: true);
        }
    }

    /// <summary>Completes those that have begun.</summary>
    public void Finish()
    {
        _progress = Clock.Now;
        while (_cycles.Any(cycle => cycle.Socket >= 0))
        {
            Turn(long.MaxValue, beginAgain: false);
        }
    }

    public void Dispose()
    {
        foreach (Cycle cycle in _cycles)
        {
            if (cycle.Socket >= 0)
            {
                _ = Libc.Close(cycle.Socket);
            }
        }

        _queue.Dispose();
        _outgoing.Dispose();
        _expected.Dispose();
        NativeMemory.AlignedFree(_input);
    }

    private void Turn(long until, bool beginAgain)
    {
        long now = Clock.Now;
        int waiting = now - _progress > _replyTimeout ? Array.FindIndex(_cycles, cycle => cycle.Socket >= 0) : -1;
        if (waiting >= 0)
        {
            throw new RunFailedException(
                $"{Describe(waiting)}: the {(_cycles[waiting].Received < _lineSize ? "reply was lost" : "server did not close after ours was closed")}: " +
                $"nothing came for {_replyTimeout / 1e9:0.###} s");
        }

        int ready = _queue.Wait(Math.Min(Math.Min(until - now, _replyTimeout), Interruption.LongestWait));
        for (int i = 0; i < ready; i++)
        {
            int index = _queue.Connection(i);
            if (Advance(index, _queue.Events(i)))
            {
                _progress = Clock.Now;
                if (beginAgain && _cycles[index].Socket < 0)
                {
                    Begin(index);
                }
            }
        }
    }

    private void Begin(int index)
    {
        ref Cycle cycle = ref _cycles[index];
        cycle.StartTime = Clock.Now;
        cycle.Socket = _server.Connect(_connections++ & int.MaxValue, wait: !_server.IsTcp);
        (cycle.Received, cycle.IsSent) = (0, false);
        _queue.Add(cycle.Socket, index);

        // On loopback it is connected by now; otherwise an event says when it is.
        TrySend(index, ref cycle);
    }

    private void TrySend(int index, ref Cycle cycle)
    {
        nint sent = Libc.Send(cycle.Socket, _outgoing.Write(index, cycle.Number * _lineSize, _lineSize), _lineSize, Libc.NoSignal);
        if (sent == _lineSize)
        {
            cycle.IsSent = true;
        }
        else if (sent >= 0 || Marshal.GetLastSystemError() is not ((int)Errno.EAGAIN or (int)Errno.EINTR))
        {
            throw Lost(index, sent >= 0 ? 0 : Marshal.GetLastSystemError());
        }
    }

    // Whether anything came.
    private bool Advance(int index, uint events)
    {
        ref Cycle cycle = ref _cycles[index];
        if (cycle.Socket < 0)
        {
            return false;
        }

        if (!cycle.IsSent)
        {
            TrySend(index, ref cycle);
        }

        if ((events & ~EventQueue.Out) == 0)
        {
            return false;
        }

        bool any = false;
        while (true)
        {
            // One more than is due: what is too much is seen.
            nint got = Libc.Receive(cycle.Socket, _input, _lineSize - cycle.Received + 1, 0);
            if (got > 0)
            {
                Take(index, ref cycle, (int)got);
                any = true;
            }
            else if (got == 0)
            {
                if (cycle.Received < _lineSize)
                {
                    throw new RunFailedException($"{Describe(index)} was closed by the server after {cycle.Received} of {_lineSize} bytes of its reply");
                }

                _ = Libc.Close(cycle.Socket);
                cycle.Socket = -1;
                cycle.Number++;
                Completed++;
                return true;
            }
            else if (Marshal.GetLastSystemError() is var error and not (int)Errno.EINTR)
            {
                return error == (int)Errno.EAGAIN ? any : throw Lost(index, error);
            }
        }
    }

    private void Take(int index, ref Cycle cycle, int got)
    {
        byte* expected = _expected.Write(index, cycle.Number * _lineSize, _lineSize) + cycle.Received;
        int due = Math.Min(got, _lineSize - cycle.Received);
        ReadOnlySpan<byte> came = new(_input, due), wanted = new(expected, due);
        if (!came.SequenceEqual(wanted))
        {
            throw new RunFailedException($"{Describe(index)}, byte {cycle.Received + came.CommonPrefixLength(wanted)}: expected '{Escaped.Text(wanted)}', came '{Escaped.Text(came)}'");
        }

        if (got > due)
        {
            throw new RunFailedException($"{Describe(index)}: bytes came that nothing was sent for, after its reply: '{Escaped.Text(new(_input + due, got - due))}'");
        }

        cycle.Received += got;
        if (cycle.Received == _lineSize)
        {
            Latency.Record(Clock.Now - cycle.StartTime);
            _ = Libc.Shutdown(cycle.Socket, Libc.ShutdownWrite);
        }
    }

    private RunFailedException Lost(int index, int error) => new($"{Describe(index)} was lost: {Marshal.GetPInvokeErrorMessage(error)}");

    private string Describe(int index) => $"connection {_cycles[index].Number} at place {index}";
}
