using LineServer.Perf.Linux;

namespace LineServer.Perf.Load;

/// <summary>
/// Sends lines as fast as the server takes them, without replies. The connections send one buffer each in
/// turn.
/// </summary>
internal sealed class OneWayLoop(ConnectionSet connections)
{
    private readonly bool[] _isFull = new bool[connections.Count]; // the socket takes no more until an event says so

    // How often it is asked what the server has.
    private const long StoredPoll = 1_000_000;

    /// <summary>
    /// Runs until this time of <see cref="Clock.Now"/>, with a number of lines in flight on each connection: a server that
    /// tells nothing would otherwise have read more than it can store in the time.
    /// </summary>
    /// <param name="until">The end.</param>
    /// <param name="window">The lines in flight.</param>
    /// <param name="stored">The lines that the server has stored since the start, of all connections.</param>
    public void Run(long until, int window, Func<long> stored)
    {
        while (Clock.Now < until && !Interruption.IsRequested)
        {
            long target = connections.Lines.StartOf((stored() / connections.Count) + window);
            for (int i = 0; i < connections.Count; i++)
            {
                connections[i].TargetBytes = Math.Max(connections[i].TargetBytes, target);
            }

            _ = connections.SendAll();
            _ = connections.Queue.Wait(StoredPoll);
        }
    }

    /// <summary>Runs until this time of <see cref="Clock.Now"/>.</summary>
    /// <exception cref="RunFailedException">The server closed a connection, or sent something.</exception>
    public void Run(long until)
    {
        for (long now = Clock.Now; now < until && !Interruption.IsRequested; now = Clock.Now)
        {
            bool anySent = false;
            for (int i = 0; i < connections.Count; i++)
            {
                if (!_isFull[i])
                {
                    anySent = true;
                    _isFull[i] = !connections.SendBuffer(i);
                }
            }

            int ready = connections.Queue.Wait(anySent ? 0 : Math.Min(until - now, Interruption.LongestWait));
            for (int i = 0; i < ready; i++)
            {
                int index = connections.Queue.Connection(i);
                uint events = connections.Queue.Events(i);
                if (connections.IsEnded(index, events))
                {
                    throw new RunFailedException(
                        $"connection {index} was closed by the server while lines were sent to it");
                }

                _isFull[index] &= (events & EventQueue.Out) == 0;
            }
        }
    }
}
