using System.Runtime.InteropServices;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// The size of the next buffer: grows as soon as one was filled, shrinks when several in a row were nearly empty. Steps
/// and bounds: docs/decisions/0005.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal struct AdaptiveSize
{
    public const int Smallest = 4 * 1024;
    public const int Largest = 256 * 1024;
    private const int Factor = 4;
    private const int NearlyEmptyUntilShrink = 16;

    private byte _steps;
    private byte _nearlyEmpty;

    /// <summary>Bytes.</summary>
    public readonly int Value => Smallest << (2 * _steps);

    /// <summary>Tells how much of a buffer of this size was used, and whether it was filled.</summary>
    public void Note(long used, bool isFilled)
    {
        int size = Value;
        if (isFilled)
        {
            _nearlyEmpty = 0;
            if (size < Largest)
            {
                _steps++;
            }
        }
        else if (used > size / Factor || size == Smallest)
        {
            _nearlyEmpty = 0;
        }
        else if (++_nearlyEmpty == NearlyEmptyUntilShrink)
        {
            _nearlyEmpty = 0;
            _steps--;
        }
    }
}
