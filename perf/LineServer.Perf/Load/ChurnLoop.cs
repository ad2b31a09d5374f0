using System.Runtime.InteropServices;
using LineServer.Linux;
using LineServer.Perf.Linux;

namespace LineServer.Perf.Load;

/// <summary>
/// Short connections, a fixed number at a time: connect, send one line, check the reply, half-close, wait for
/// the server's FIN, and begin again. The generator closes first, in order, so its port is in TIME_WAIT for a
/// minute; on loopback, Linux reuses it after a second (tcp_tw_reuse), and connections leave from several
/// addresses.
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
    private int _connections; // connections so far; selects the next one's source address

    /// <param name="server">The server's address.</param>
    /// <param name="atOnce">The number of connections at a time.</param>
    /// <param name="lineSize">The size of the one line.</param>
    /// <param name="replyTimeout">If nothing arrives for this time, a reply or a FIN is lost.</param>
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

    /// <summary>Nanoseconds from the start of the connect to the end of the reply.</summary>
    public LatencyHistogram Latency { get; } = new();

    /// <summary>The number of connections that had the right reply and were closed by both sides.</summary>
    public long Completed { get; private set; }

    /// <summary>Runs until this time of <see cref="Clock.Now"/>.</summary>
    /// <exception cref="RunFailedException">
    /// A reply was wrong or lost, the server did not close a connection, or no port is left.
    /// </exception>
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

    /// <summary>Completes the connections that have begun.</summary>
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
                $"{Describe(waiting)}: the {(_cycles[waiting].Received < _lineSize ? "reply was lost" : "server did not close its side after we closed ours")}: " +
                $"nothing arrived for {_replyTimeout / 1e9:0.###} s");
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

        // On loopback it is connected by now; otherwise an event follows.
        TrySend(index, ref cycle);
    }

    private void TrySend(int index, ref Cycle cycle)
    {
        nint sent = Libc.Send(
            cycle.Socket, _outgoing.Write(index, cycle.Number * _lineSize, _lineSize), _lineSize, Libc.NoSignal);
        if (sent == _lineSize)
        {
            cycle.IsSent = true;
        }
        else if (sent >= 0 || Marshal.GetLastSystemError() is not ((int)Errno.EAGAIN or (int)Errno.EINTR))
        {
            throw Lost(index, sent >= 0 ? 0 : Marshal.GetLastSystemError());
        }
    }

    // Returns true if anything arrived.
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
            // One byte more than is due, to detect surplus bytes.
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
                    throw new RunFailedException(
                        $"{Describe(index)} was closed by the server after {cycle.Received} of {_lineSize} bytes " +
                        "of its reply");
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
            throw new RunFailedException(
                $"{Describe(index)}, byte {cycle.Received + came.CommonPrefixLength(wanted)}: " +
                $"expected '{Escaped.Text(wanted)}', got '{Escaped.Text(came)}'");
        }

        if (got > due)
        {
            throw new RunFailedException(
                $"{Describe(index)}: surplus bytes after its reply: '{Escaped.Text(new(_input + due, got - due))}'");
        }

        cycle.Received += got;
        if (cycle.Received == _lineSize)
        {
            Latency.Record(Clock.Now - cycle.StartTime);
            _ = Libc.Shutdown(cycle.Socket, Libc.ShutdownWrite);
        }
    }

    private RunFailedException Lost(int index, int error) =>
        new($"{Describe(index)} was lost: {Marshal.GetPInvokeErrorMessage(error)}");

    private string Describe(int index) => $"connection {_cycles[index].Number} at place {index}";
}
