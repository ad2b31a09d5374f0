using LineServer.Perf.Linux;

namespace LineServer.Perf.Load;

/// <summary>
/// Connections that send without reading, until their window is in flight or the server takes no more. In the
/// end they read and check everything.
/// </summary>
internal sealed class UnreadLoop(ConnectionSet connections, int window)
{
    /// <summary>Sends until the windows are full, or until nothing was taken for this time.</summary>
    /// <returns>The number of bytes taken.</returns>
    public long Fill(TimeSpan quiet)
    {
        LineSizes lines = connections.Lines;
        long taken = 0;
        for (int i = 0; i < connections.Count; i++)
        {
            ref Connection connection = ref connections[i];
            connection.TargetBytes = lines.StartOf(lines.LineAt(connection.SentBytes) + window);
            taken += SendOn(i);
        }

        long progress = Clock.Now;
        while (IsAnyUnsent())
        {
            long left = (long)quiet.TotalNanoseconds - (Clock.Now - progress);
            if (left <= 0)
            {
                break;
            }

            int ready = connections.Queue.Wait(left);
            for (int i = 0; i < ready; i++)
            {
                long sent = SendOn(connections.Queue.Connection(i));
                progress = sent > 0 ? Clock.Now : progress;
                taken += sent;
            }
        }

        return taken;
    }

    /// <summary>Sends the rest of the lines that have begun, then reads and checks every reply.</summary>
    public void Finish()
    {
        connections.StopSending();
        for (int i = 0; i < connections.Count; i++)
        {
            // The edges of what has arrived meanwhile are used up.
            _ = connections.Receive(i, EventQueue.In);
            connections.Send(i);
        }

        connections.AwaitReplies(taken: null);
    }

    private bool IsAnyUnsent()
    {
        for (int i = 0; i < connections.Count; i++)
        {
            if (connections[i].SentBytes < connections[i].TargetBytes)
            {
                return true;
            }
        }

        return false;
    }

    private long SendOn(int index)
    {
        long before = connections[index].SentBytes;
        connections.Send(index);
        return connections[index].SentBytes - before;
    }
}
