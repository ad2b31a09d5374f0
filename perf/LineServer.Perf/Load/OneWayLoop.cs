using LineServer.Perf.Linux;

namespace LineServer.Perf.Load;

/// <summary>
/// Sends lines as fast as the server takes them, without replies. The connections send one buffer each in
/// turn.
/// </summary>
internal sealed class OneWayLoop(ConnectionSet connections)
{
    private readonly bool[] _isFull = new bool[connections.Count]; // the socket takes no more until an event says so

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
