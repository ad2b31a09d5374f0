using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;

namespace LineServer.Hosting.Internal;

/// <summary>Lets connections in, as <see cref="ConnectionLimits"/> say: for an endpoint, and above it for a whole server.</summary>
internal sealed class Admission(ConnectionLimits limits, TimeProvider time, Admission? parent = null)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<PeerPrefix, Peer> _peers = [];
    private int _count;
    private long _nextDue;
    private int _sweepAt = 1024;

    /// <summary>Connections that have a place.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Peers that are remembered.</summary>
    public int PeerCount => _peers.Count;

    /// <summary>True if no limit asks who the peer is: finding out costs allocations.</summary>
    public bool IgnoresPeers { get; } = !limits.CountsPeers && (parent?.IgnoresPeers ?? true);

    /// <summary>Takes a place at this level and at those above, or at none.</summary>
    /// <returns><see cref="CloseReason.None"/>, or why the connection is refused.</returns>
    public CloseReason TryEnter(EndPoint? remote)
    {
        CloseReason refusal = parent?.TryEnter(remote) ?? CloseReason.None;
        if (refusal != CloseReason.None)
        {
            return refusal;
        }

        if (limits.IsUnlimited)
        {
            Interlocked.Increment(ref _count);
            return CloseReason.None;
        }

        PeerPrefix? peer = PeerOf(remote);
        lock (_gate)
        {
            refusal = TryEnterLocked(peer);
        }

        if (refusal != CloseReason.None)
        {
            parent?.TakeBack(remote);
        }

        return refusal;
    }

    /// <summary>Gives the place back, at all levels.</summary>
    public void Leave(EndPoint? remote)
    {
        GiveBack(remote, isTakenBack: false);
        parent?.Leave(remote);
    }

    // The level below refused the connection, so it must not count towards this level's rate either.
    // Otherwise a flood at one limited endpoint would have all other endpoints refuse their clients.
    private void TakeBack(EndPoint? remote)
    {
        GiveBack(remote, isTakenBack: true);
        parent?.TakeBack(remote);
    }

    private void GiveBack(EndPoint? remote, bool isTakenBack)
    {
        if (limits.IsUnlimited)
        {
            Interlocked.Decrement(ref _count);
            return;
        }

        PeerPrefix? peer = PeerOf(remote);
        lock (_gate)
        {
            _count--;
            Debug.Assert(_count >= 0, "a place was given back twice");
            _nextDue -= isTakenBack ? Share(limits.MaxConnectionsPerSecond) : 0;
            if (peer is { } known)
            {
                ref Peer entry = ref CollectionsMarshal.GetValueRefOrAddDefault(_peers, known, out _);
                entry.Count--;
                Debug.Assert(entry.Count >= 0, "a peer's place was given back twice");
                entry.NextDue -= isTakenBack ? Share(limits.MaxConnectionsPerSecondPerPeer) : 0;
                RemoveIfForgettable(known, entry, time.GetTimestamp());
            }
        }
    }

    private CloseReason TryEnterLocked(PeerPrefix? peer)
    {
        if (_count >= limits.MaxConcurrentConnections)
        {
            return CloseReason.TooManyConnections;
        }

        long now = time.GetTimestamp();
        if (!IsDue(_nextDue, limits.MaxConnectionsPerSecond, now))
        {
            return CloseReason.TooManyConnectionsPerSecond;
        }

        if (peer is { } known)
        {
            ref Peer entry = ref CollectionsMarshal.GetValueRefOrAddDefault(_peers, known, out _);
            if (entry.Count >= limits.MaxConcurrentConnectionsPerPeer)
            {
                return CloseReason.TooManyConnectionsPerPeer;
            }

            if (!IsDue(entry.NextDue, limits.MaxConnectionsPerSecondPerPeer, now))
            {
                return CloseReason.TooManyConnectionsPerSecondPerPeer;
            }

            entry.Count++;
            entry.NextDue = DueAfter(entry.NextDue, limits.MaxConnectionsPerSecondPerPeer, now);
            SweepIfLarge(now);
        }

        _count++;
        _nextDue = DueAfter(_nextDue, limits.MaxConnectionsPerSecond, now);
        return CloseReason.None;
    }

    private PeerPrefix? PeerOf(EndPoint? remote) =>
        limits.CountsPeers ? PeerPrefix.Of(remote, limits.PeerPrefixLengthIPv4, limits.PeerPrefixLengthIPv6) : null;

    // The generic cell rate algorithm (ITU-T I.371): one timestamp in place of a bucket. Each connection
    // moves it by its share of a second; it may run ahead of the clock by one second's worth.
    private bool IsDue(long nextDue, int? perSecond, long now) =>
        perSecond is null || nextDue - now <= time.TimestampFrequency - Share(perSecond);

    private long DueAfter(long nextDue, int? perSecond, long now) =>
        perSecond is null ? 0 : Math.Max(nextDue, now) + Share(perSecond);

    private long Share(int? perSecond) => perSecond is { } rate ? Math.Max(time.TimestampFrequency / rate, 1) : 0;

    // A peer without connections is kept only until its rate no longer matters.
    private void RemoveIfForgettable(PeerPrefix peer, in Peer entry, long now)
    {
        if (entry.Count == 0 && entry.NextDue <= now)
        {
            _peers.Remove(peer);
        }
    }

    private void SweepIfLarge(long now)
    {
        if (_peers.Count < _sweepAt)
        {
            return;
        }

        foreach ((PeerPrefix peer, Peer entry) in _peers)
        {
            RemoveIfForgettable(peer, entry, now);
        }

        _sweepAt = Math.Max(1024, _peers.Count * 2);
    }

    [StructLayout(LayoutKind.Auto)]
    private struct Peer
    {
        public int Count;
        public long NextDue;
    }
}
