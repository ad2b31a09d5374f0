using System.Runtime.InteropServices;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// The size of the next buffer. It grows as soon as a buffer was filled, and shrinks after several nearly
/// empty ones in a row. docs/decisions/0005 explains the steps and bounds.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal struct AdaptiveSize
{
    public const int Smallest = 4 * 1024;
    public const int Largest = 64 * 1024;
    private const int Factor = 4;
    private const int NearlyEmptyUntilShrink = 16;

    private byte _steps;
    private byte _nearlyEmpty;

    /// <summary>The size in bytes.</summary>
    public readonly int Value => Smallest << (2 * _steps);

    /// <summary>Records how much of a buffer of this size was used, and whether it was filled.</summary>
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
